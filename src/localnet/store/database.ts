import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { STORE_VERSION, TABLES } from "./schema.ts";

/** Thrown if another process has opened the folder's store. */
export class StoreBusy extends Error {}

/** @throws StoreBusy; Error if the store is of another version */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    database.exec(`BEGIN EXCLUSIVE; ${TABLES} COMMIT;`);
    const version = database.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.value;
    if (version === undefined) {
      database.prepare("INSERT INTO meta (key, value) VALUES ('version', ?)").run(STORE_VERSION);
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

/** Prepared statements, records as JSON, and transactions. */
export function sqlOf(database: DatabaseSync) {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const run = (sql: string, ...values: SQLInputValue[]) => prepare(sql).run(...values);
  const row = (sql: string, ...values: SQLInputValue[]) => prepare(sql).get(...values);
  const rows = (sql: string, ...values: SQLInputValue[]) => prepare(sql).all(...values);
  const record = <T>(found: Record<string, unknown> | undefined): T | undefined =>
    found === undefined ? undefined : (JSON.parse(String(found.record)) as T);
  const records = <T>(found: Record<string, unknown>[]): T[] =>
    found.map((each) => JSON.parse(String(each.record)) as T);

  let depth = 0;
  function atomically<T>(work: () => T): T {
    if (depth > 0) return work();
    database.exec("BEGIN IMMEDIATE");
    depth++;
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    } finally {
      depth--;
    }
  }

  return { database, atomically, run, row, rows, record, records };
}
export type Sql = ReturnType<typeof sqlOf>;
