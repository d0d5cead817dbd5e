import { readFile, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isAlive, kill } from "../../core/processes.ts";
import { engineOf, type Orphan, orphansOf } from "./engines.ts";

const OwnerSchema = z.looseObject({ pid: z.int(), host: z.string() });

/** A provider goes by itself when its engine died; so long it may take. Milliseconds. */
const PATIENCE = 2_000;

/**
 * Ends what outlived the `pulumi` that started it, of an `up` as of a preview. Everything that a provider signed is in the journal, so
 * ending it loses nothing.
 */
export async function endZombies(projectDir: string, project: string, stack: string): Promise<Orphan[]> {
  const owner = await journalOwner(projectDir, project, stack);
  const orphans = await orphansOf(projectDir, typeof owner === "number" ? [owner] : []);
  const living = () => orphans.filter(({ pid }) => isAlive(pid));
  const gone = async () => {
    const end = performance.now() + PATIENCE;
    while (living().length > 0 && performance.now() < end) await sleep(20);
  };
  await gone();
  for (const { pid } of living()) kill(pid);
  await gone();
  return orphans;
}

/**
 * Removes the lock of the stack's journal when it is empty or cut and no `pulumi` works in the project, and answers its path. Asked when
 * no zombie is left: nobody writes the journal then.
 */
export async function removeTornLock(
  projectDir: string,
  project: string,
  stack: string,
): Promise<string | undefined> {
  if ((await journalOwner(projectDir, project, stack)) !== "torn") return undefined;
  if (engineOf(projectDir, undefined) !== undefined) return undefined;
  const path = lockPath(projectDir, project, stack);
  await unlink(path).catch(() => {});
  return path;
}

const lockPath = (projectDir: string, project: string, stack: string): string =>
  join(projectDir, ".fleet", "journal", `${project}.${stack}.jsonl.lock`);

/** The pid of a journal's owner on this machine; `torn` for a lock that does not say whose it is. */
async function journalOwner(
  projectDir: string,
  project: string,
  stack: string,
): Promise<number | "torn" | undefined> {
  const text = await readFile(lockPath(projectDir, project, stack), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "torn";
  }
  const owner = OwnerSchema.safeParse(value).data;
  if (owner === undefined) return "torn";
  return owner.host === hostname() ? owner.pid : undefined;
}
