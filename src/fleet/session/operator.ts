import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../files.ts";

/**
 * Who deploys from a folder, as the ledger is told: `op-` and eight digits that are drawn once and kept in `<home>/operator`,
 * with the name before it that somebody gave. Ledgers are public, so nothing of the machine or the person is in it
 * unless somebody says so.
 *
 * A folder's journal serves one run at a time (call this when it is open). So a run of the same operator that never ended is
 * dead, and the next one need not wait for it; a run of another operator may be alive.
 */
export async function operatorOf(home: string, name?: string): Promise<string> {
  const path = join(home, "operator");
  let id = await read(path);
  if (id === undefined) {
    id = `op-${randomBytes(4).toString("hex")}`;
    await writeAtomically(path, `${id}\n`);
  }
  return name !== undefined ? `${name} ${id}` : id;
}

async function read(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return /^op-[0-9a-f]{8}$/.test(text) ? text : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
