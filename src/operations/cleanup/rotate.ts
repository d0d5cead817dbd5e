import { readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeBytesAtomically } from "../../fleet/files.ts";

/** Size from which logs are rotated, in bytes. */
export const MAX_LOG = 1024 * 1024;

/** Logs that every run appends to. */
const APPENDED = /_output\.txt$/;

/**
 * Rotates logs larger than `MAX_LOG`: compresses each to `<name>.<time>.gz` and truncates it. Every `fleet deploy` and `fleet rollback`
 * starts with it. Returns the paths of the rotated logs.
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
