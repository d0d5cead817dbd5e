import { readFile, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { jsonIn } from "../../core/json.ts";
import { isAlive, kill } from "../../core/processes.ts";
import { engineOf, type Orphan, orphansOf } from "./engines.ts";

const OwnerSchema = z.looseObject({ pid: z.int(), host: z.string() });

/** Milliseconds for a provider to exit by itself after its engine died. */
const EXIT_WAIT_MS = 2_000;

/**
 * Stops processes that outlived the `pulumi` that started them, of an `up` or of a preview. That loses nothing: everything that a provider
 * signed is in the journal.
 */
export async function stopOrphans(projectDir: string, project: string, stack: string): Promise<Orphan[]> {
  const owner = await journalOwner(projectDir, project, stack);
  const orphans = await orphansOf(projectDir, typeof owner === "number" ? [owner] : []);
  const living = () => orphans.filter(({ pid }) => isAlive(pid));
  const waitForExit = async () => {
    const end = performance.now() + EXIT_WAIT_MS;
    while (living().length > 0 && performance.now() < end) await sleep(20);
  };
  await waitForExit();
  for (const { pid } of living()) kill(pid);
  await waitForExit();
  return orphans;
}

/**
 * Removes the lock of the stack's journal if it is empty or truncated and no `pulumi` works in the project, and returns its path. Call it
 * after `stopOrphans`: then nothing writes the journal.
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

/** The pid of a journal's owner on this machine; `torn` if the lock does not name its owner. */
async function journalOwner(
  projectDir: string,
  project: string,
  stack: string,
): Promise<number | "torn" | undefined> {
  const text = await readFile(lockPath(projectDir, project, stack), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const owner = OwnerSchema.safeParse(jsonIn(text)).data;
  if (owner === undefined) return "torn";
  return owner.host === hostname() ? owner.pid : undefined;
}
