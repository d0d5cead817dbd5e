import { randomUUID } from "node:crypto";
import { readFileSync, unlinkSync } from "node:fs";
import { link, readFile, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { atExit } from "../../core/at-exit.ts";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { isAlive, startTicksOf } from "../../core/processes.ts";
import { warn } from "../../core/say.ts";
import { seconds } from "../errors.ts";

/** A lock held by this process until it is released or the process ends. */
export interface FileLock {
  /** @throws FleetError `JOURNAL_LOST` if another process took the lock over because this one was suspended for too long */
  assertHeld(): void;
  release(): Promise<void>;
}

export interface LockOptions {
  /** Milliseconds to wait for a living owner. Default 15,000: a killed deploy leaves a provider that exits by itself. */
  readonly patience?: number;
  /** Milliseconds between two heartbeats. Default 2,000. */
  readonly heartbeat?: number;
  /** An owner without a heartbeat for this many milliseconds loses the lock. Default 12,000. */
  readonly stale?: number;
  /** Receives a line when an empty or truncated lock was replaced. Default: standard error. */
  readonly note?: (line: string) => void;
}

const OwnerSchema = z.object({
  nonce: z.string(),
  pid: z.int(),
  /** The kernel's start time of the process, if it can be read: it differs for a later process with the same pid. */
  born: z.string(),
  host: z.string(),
  at: z.string(),
});
type Owner = z.infer<typeof OwnerSchema>;

/**
 * Takes the lock file, or waits for it. A dead owner is detected at once (same machine), a silent one after `stale`. An empty or
 * truncated lock does not name its owner: it counts as held as long as it gets heartbeats.
 *
 * @throws FleetError `JOURNAL_LOCKED`, transient, naming the owner
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<FileLock> {
  const { patience = 15_000, heartbeat = 2000, stale = 12_000, note = warn } = options;
  const owner: Owner = {
    nonce: randomUUID(),
    pid: process.pid,
    born: startTicksOf(process.pid),
    host: hostname(),
    at: new Date().toISOString(),
  };
  const end = performance.now() + patience;
  while (!(await tryTake(path, owner))) {
    const holder = await readOwner(path);
    if (holder && isOver(holder, holder.owner ? stale : 2 * heartbeat)) {
      if (!holder.owner) note(`the lock ${path} is empty or truncated, and no process holds it: replaced`);
      await breakLock(path, holder.owner);
      continue;
    }
    if (performance.now() >= end) throw locked(path, holder?.owner, patience);
    await sleep(50);
  }

  const beat = setInterval(() => {
    const now = new Date();
    // A failure is reported by the next assertHeld.
    utimes(path, now, now).catch(() => {});
  }, heartbeat);
  beat.unref();

  const isOurs = () => {
    try {
      return OwnerSchema.parse(JSON.parse(readFileSync(path, "utf8"))).nonce === owner.nonce;
    } catch {
      return false;
    }
  };
  const dropExit = atExit(() => {
    if (isOurs()) unlinkSync(path);
  });

  return {
    assertHeld() {
      if (isOurs()) return;
      throw new FleetError({
        code: "JOURNAL_LOST",
        what: "Another deployment took over while this one was suspended.",
        got: `the lock ${path} belongs to another process`,
        expected: "one deployment of a stack at a time",
        remedy: "Let the other one finish, then run the command again.",
      });
    },
    async release() {
      clearInterval(beat);
      dropExit();
      if (isOurs()) await unlink(path).catch(() => {});
    },
  };
}

/** Writes the owner to a draft and then links it to the lock's name, so that no reader sees a partial lock. */
async function tryTake(path: string, owner: Owner): Promise<boolean> {
  const draft = `${path}.${owner.nonce}`;
  await writeFile(draft, JSON.stringify(owner), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(draft).catch(() => {});
  }
}

interface Holder {
  readonly owner: Owner | undefined;
  /** Milliseconds since the last heartbeat. */
  readonly silence: number;
}

async function readOwner(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const silence = Date.now() - mtimeMs;
    return { owner: OwnerSchema.safeParse(jsonIn(text)).data, silence };
  } catch {
    return undefined; // Removed in the meantime.
  }
}

function isOver({ owner, silence }: Holder, stale: number): boolean {
  if (silence > stale) return true;
  if (!owner || owner.host !== hostname()) return false;
  return !isAlive(owner.pid) || startTicksOf(owner.pid) !== owner.born;
}

/** Removes a dead owner's lock; restores it if it turns out to belong to another owner. */
async function breakLock(path: string, dead: Owner | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    const moved = await readOwner(aside);
    if (moved?.owner?.nonce !== dead?.nonce) await link(aside, path).catch(() => {});
    await unlink(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function locked(path: string, owner: Owner | undefined, patience: number): FleetError {
  return new FleetError(
    {
      code: "JOURNAL_LOCKED",
      what: "Another deployment of this stack is running.",
      got: owner
        ? `process ${owner.pid} on ${owner.host} since ${owner.at} holds ${path}`
        : `another process holds ${path}`,
      expected: `a free lock within ${seconds(patience)}`,
      remedy: "Wait until it finishes, or stop it; then run the command again.",
    },
    { transient: true },
  );
}
