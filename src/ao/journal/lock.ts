import { randomUUID } from "node:crypto";
import { readFileSync, unlinkSync } from "node:fs";
import { type FileHandle, link, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { atExit } from "../../core/at-exit.ts";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { isAlive, startTicksOf } from "../../core/processes.ts";
import { warn } from "../../core/say.ts";
import { reasonOf, seconds } from "../errors.ts";

/** A lock held by this process until it is released or the process ends. */
export interface FileLock {
  /**
   * @throws FleetError `JOURNAL_LOST` if another process took the lock over because this one was suspended for too long, or if the lock
   * is gone; `JOURNAL_UNWRITABLE` if it cannot be read
   */
  assertHeld(): void;
  release(): Promise<void>;
}

export interface LockOptions {
  /** Milliseconds to wait for a living owner. Default 15,000: a killed deploy leaves a provider that exits by itself. */
  readonly patience?: number;
  /** Milliseconds between two heartbeats. Default 2,000. */
  readonly heartbeat?: number;
  /** An owner loses the lock if whoever waits for it sees no heartbeat for this many milliseconds. Default 12,000. */
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

/** Milliseconds between two heartbeats. */
const HEARTBEAT = 2000;
/** Milliseconds between two looks at a lock that another owner holds. */
const POLL = 50;
/** Milliseconds that count for one look: more only passes if this process was suspended or starved. */
const LOOK = 1000;

/**
 * Takes the lock file, or waits for it. A dead owner is detected at once (same machine), a silent one after `stale`. An empty or
 * truncated lock does not name its owner: it counts as held as long as it gets heartbeats.
 *
 * The age of a lock proves nothing: after the clock was set or the computer slept, the lock of a living owner is old until its next
 * heartbeat. So an old lock is watched for `stale`, also beyond `patience`, until its owner gives a sign of life.
 *
 * @throws FleetError `JOURNAL_LOCKED`, transient, naming the owner
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<FileLock> {
  const { heartbeat = HEARTBEAT } = options;
  const owner: Owner = {
    nonce: randomUUID(),
    pid: process.pid,
    born: startTicksOf(process.pid),
    host: hostname(),
    at: new Date().toISOString(),
  };
  const file = await waitForLock(path, owner, options);

  const beat = setInterval(() => {
    const now = new Date();
    // Through the open file: if another owner has the lock by now, its file is not touched. A failure is reported by the next assertHeld.
    file.utimes(now, now).catch(() => {});
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
      let text: string;
      try {
        text = readFileSync(path, "utf8");
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === "ENOENT" ? gone(path) : unreadable(path, error);
      }
      const holder = OwnerSchema.safeParse(jsonIn(text)).data;
      if (holder === undefined) throw unreadable(path, "the file is empty or truncated");
      if (holder.nonce !== owner.nonce) throw lost(path);
    },
    async release() {
      clearInterval(beat);
      dropExit();
      await file.close().catch(() => {});
      if (isOurs()) await unlink(path).catch(() => {});
    },
  };
}

/** @returns the lock's open file, once this owner has it */
async function waitForLock(path: string, owner: Owner, options: LockOptions): Promise<FileHandle> {
  const { patience = 15_000, heartbeat = HEARTBEAT, stale = 12_000, note = warn } = options;
  const look = watch();
  const end = performance.now() + patience;
  for (;;) {
    const file = await tryTake(path, owner);
    if (file) return file;
    const holder = await readHolder(path);
    const { silence, hasChanged } = look(holder);
    const limit = holder?.owner ? stale : 2 * heartbeat;
    if (holder && (isDead(holder.owner) || silence > limit)) {
      if (!holder.owner) note(`the lock ${path} is empty or truncated, and no process holds it: replaced`);
      await breakLock(path, holder.owner);
      continue;
    }
    const mayBeLeft = holder !== undefined && !hasChanged && Date.now() - holder.beat > limit;
    if (performance.now() >= end && !mayBeLeft) throw locked(path, holder?.owner, patience);
    await sleep(POLL);
  }
}

/**
 * Writes the owner to a draft and then links it to the lock's name, so that no reader sees a partial lock.
 *
 * @returns the lock's open file; undefined if another owner holds the lock
 */
async function tryTake(path: string, owner: Owner): Promise<FileHandle | undefined> {
  const draft = `${path}.${owner.nonce}`;
  const file = await open(draft, "w", 0o600);
  let isTaken = false;
  try {
    await file.writeFile(JSON.stringify(owner));
    await link(draft, path);
    isTaken = true;
    return file;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  } finally {
    if (!isTaken) await file.close().catch(() => {});
    await unlink(draft).catch(() => {});
  }
}

interface Holder {
  readonly owner: Owner | undefined;
  /** The time of the last heartbeat, by the clock of its owner. */
  readonly beat: number;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return { owner: OwnerSchema.safeParse(jsonIn(text)).data, beat: mtimeMs };
  } catch {
    return undefined; // Removed in the meantime.
  }
}

/** Whether the owner was a process of this machine that does not exist any more. */
function isDead(owner: Owner | undefined): boolean {
  if (!owner || owner.host !== hostname()) return false;
  return !isAlive(owner.pid) || startTicksOf(owner.pid) !== owner.born;
}

interface Watched {
  /** Milliseconds for which this process has seen the same owner with the same last heartbeat. */
  readonly silence: number;
  /** Whether an owner gave a sign of life since the first look. */
  readonly hasChanged: boolean;
}

/** Only time in which this process was awake and looked counts as silence: its own pause, as while a computer sleeps, is one look. */
function watch(): (holder: Holder | undefined) => Watched {
  let seen: string | undefined;
  let last = 0;
  let watched: Watched = { silence: 0, hasChanged: false };
  return (holder) => {
    const now = performance.now();
    const found = holder && `${holder.owner?.nonce} ${holder.beat}`;
    watched =
      found === seen
        ? { ...watched, silence: watched.silence + Math.min(now - last, LOOK) }
        : { silence: 0, hasChanged: seen !== undefined };
    seen = found;
    last = now;
    return watched;
  };
}

/** Removes a dead owner's lock; restores it if it turns out to belong to another owner. */
async function breakLock(path: string, dead: Owner | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    const moved = await readHolder(aside);
    if (moved?.owner?.nonce !== dead?.nonce) await link(aside, path).catch(() => {});
    await unlink(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

const lost = (path: string) =>
  new FleetError({
    code: "JOURNAL_LOST",
    what: "Another deployment took over while this one was suspended.",
    got: `the lock ${path} belongs to another process`,
    expected: "one deployment of a stack at a time",
    remedy: "Let the other one finish, then run the command again.",
  });

const gone = (path: string) =>
  new FleetError({
    code: "JOURNAL_LOST",
    what: "The lock of this deployment was removed, so another one can start.",
    got: `no file ${path}`,
    expected: "the lock until the deployment ends",
    remedy: "Check what removes files in this folder, then run the command again.",
  });

/** Whether the lock is held is unknown then, so nothing may be sent. */
const unreadable = (path: string, cause: unknown) =>
  new FleetError(
    {
      code: "JOURNAL_UNWRITABLE",
      what: `The lock ${path} cannot be read, so nothing else is sent.`,
      got: reasonOf(cause),
      expected: "the lock of this run",
      remedy: "Fix what the system reports, then run the command again.",
    },
    { cause, isLocal: true },
  );

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
