import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isAlive, parentOf } from "../../core/processes.ts";

const OwnerSchema = z.looseObject({ pid: z.int(), host: z.string() });

/** A provider goes by itself when its engine died; so long it may take. Milliseconds. */
const PATIENCE = 5_000;

/**
 * Ends a provider that outlived its `pulumi`. It is the process that holds the stack's journal and whose parent is gone;
 * everything that it signed is in the journal, so ending it loses nothing. Answers its pid, or undefined when there is none.
 */
export async function endZombie(home: string, project: string, stack: string): Promise<number | undefined> {
  const path = join(home, "journal", `${project}.${stack}.jsonl.lock`);
  const pid = await ownerOf(path);
  if (pid === undefined || !isAlive(pid) || parentOf(pid) !== 1) return undefined;
  const end = performance.now() + PATIENCE;
  while (isAlive(pid) && performance.now() < end) await sleep(50);
  if (isAlive(pid)) process.kill(pid, "SIGKILL");
  return pid;
}

async function ownerOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const owner = OwnerSchema.safeParse(JSON.parse(text));
  return owner.success && owner.data.host === hostname() ? owner.data.pid : undefined;
}
