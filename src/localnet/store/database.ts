import { DatabaseSync } from "node:sqlite";
import { EARLIER_VERSION, STORE_VERSION, TABLES } from "./schema.ts";

/** Thrown if another process has opened the folder's store. */
export class StoreBusy extends Error {}

/** @throws StoreBusy; Error if the store is of another version */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    // 32 MB: a checkpoint waits for the disk, and the same blocks are written over and over.
    database.exec("PRAGMA wal_autocheckpoint = 8192;");
    database.exec(`BEGIN EXCLUSIVE; ${TABLES} COMMIT;`);
    const version = database.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.value;
    if (version === undefined || version === EARLIER_VERSION) {
      database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('version', ?)").run(STORE_VERSION);
    } else if (version !== STORE_VERSION) {
      throw new Error(
        `the store ${path} has version ${version}; this program requires version ${STORE_VERSION}`,
      );
    }
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && /database is locked/.test(error.message))
      throw new StoreBusy(error.message);
    throw error;
  }
}
