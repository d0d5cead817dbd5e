import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ifMissing } from "../../core/missing.ts";
import { writeAtomically } from "../files.ts";

/**
 * The operator name of a folder in the ledger: `op-` and eight random digits that are generated once and stored in
 * `<home>/operator`, preceded by a name if one was given. Ledgers are public, so it contains nothing about the machine or the
 * person by default.
 *
 * A folder's journal allows one run at a time (call this while it is open). An unfinished run of the same operator is therefore
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
  const text = (await readFile(path, "utf8").catch(ifMissing(""))).trim();
  return /^op-[0-9a-f]{8}$/.test(text) ? text : undefined;
}
