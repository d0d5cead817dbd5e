import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Journal, openJournal } from "./journal.ts";

/** A journal in a folder of its own, which is removed when it is closed: for a connection that no later run continues. */
export async function temporaryJournal(): Promise<Journal> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-journal-"));
  const journal = await openJournal(join(folder, "journal.jsonl"));
  return {
    ...journal,
    async close() {
      await journal.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
