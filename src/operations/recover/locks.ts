import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { jsonIn } from "../../core/json.ts";
import { isAlive, startedAt } from "../../core/processes.ts";
import { backendFolder } from "../../toolchain/backend.ts";
import { engineOf } from "./engines.ts";

const LockSchema = z.looseObject({
  pid: z.int(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.string(),
});

/** A lock of a stack in a file backend, as Pulumi wrote it. */
interface WrittenLock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** When it was taken, ISO 8601. */
  readonly since: string;
  /** `dead` only if the owner ran on this machine and is certainly gone. */
  readonly owner: "alive" | "dead" | "elsewhere";
}

/** A lock file that is empty or truncated, as after a full disk or a crash of the machine: its owner is unknown. */
export interface TornLock {
  readonly path: string;
  readonly bytes: number;
  /** Pid of a `pulumi` that works in this project or on this backend, and may be the owner. */
  readonly pid: number | undefined;
  /** `dead` if no `pulumi` works there. */
  readonly owner: "alive" | "dead";
}

export type StackLock = WrittenLock | TornLock;

/** Whether a lock file is truncated. */
export const isTorn = (lock: StackLock): lock is TornLock => "bytes" in lock;

/** Milliseconds to wait for a lock that is still being written. */
const WRITE_WAIT_MS = 500;

/** The locks of a stack; empty for a backend that is not a folder, whose service manages its own locks. */
export async function stackLocks(
  backendUrl: string | undefined,
  projectDir: string,
  project: string,
  stack: string,
): Promise<StackLock[]> {
  const backend = backendFolder(backendUrl, projectDir);
  if (backend === undefined) return [];
  const folder = join(backend, ".pulumi", "locks", "organization", project, stack);
  const files = await readdir(folder).catch(() => []);
  const locks = await Promise.all(
    files.filter((file) => file.endsWith(".json")).map((file) => readLock(join(folder, file))),
  );
  return locks.flatMap((lock): StackLock[] => {
    if (lock === undefined) return [];
    if (!("bytes" in lock)) return [lock];
    const pid = engineOf(projectDir, backend);
    return [{ ...lock, pid, owner: pid === undefined ? "dead" : "alive" }];
  });
}

/** Reads a lock; undefined if it was released in the meantime. */
async function readLock(path: string): Promise<WrittenLock | Pick<TornLock, "path" | "bytes"> | undefined> {
  const end = performance.now() + WRITE_WAIT_MS;
  for (;;) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const written = parsed(text);
    if (written) return written;
    if (performance.now() >= end) return { path, bytes: Buffer.byteLength(text) };
    await sleep(50);
  }
}

function parsed(text: string): WrittenLock | undefined {
  const lock = LockSchema.safeParse(jsonIn(text)).data;
  if (lock === undefined) return undefined;
  const { pid, username, hostname: host, timestamp } = lock;
  return { pid, username, hostname: host, since: timestamp, owner: ownerState(pid, host, timestamp) };
}

/** Whether the owner is alive. A pid that was reused by another process counts as dead. */
function ownerState(pid: number, host: string, since: string): WrittenLock["owner"] {
  if (host !== hostname()) return "elsewhere";
  if (!isAlive(pid)) return "dead";
  const started = startedAt(pid);
  // A lock is taken shortly after its owner starts, so a process that started later is not the owner.
  return started !== undefined && started > Date.parse(since) + 5_000 ? "dead" : "alive";
}
