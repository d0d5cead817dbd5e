import { readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeBytesAtomically } from "../../fleet/files.ts";

/** Logs beyond this are put away, in bytes. */
export const MAX_LOG = 1024 * 1024;

/** Logs that every run adds to. */
const APPENDED = /_output\.txt$/;

/**
 * Puts logs beyond `MAX_LOG` away as `<name>.<time>.gz` and goes on with empty ones. Every run of `fleet deploy` and `fleet rollback`
 * begins with it. Answers which they were.
 */
export async function rotateLogs(folder: string, dryRun = false): Promise<string[]> {
  const rotated: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (!APPENDED.test(name) || (await stat(path)).size <= MAX_LOG) continue;
    rotated.push(path);
    if (dryRun) continue;
    await writeBytesAtomically(`${path}.${Date.now()}.gz`, await promisify(gzip)(await readFile(path)));
    await truncate(path);
  }
  return rotated;
}
