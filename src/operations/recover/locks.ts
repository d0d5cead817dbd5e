import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isAlive, startedAt } from "../../core/processes.ts";
import { backendFolder } from "../../toolchain/backend.ts";
import { engineOf } from "./engines.ts";

const LockSchema = z.looseObject({
  pid: z.int(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.string(),
});

/** Who holds a stack in a file backend, as Pulumi wrote it down. */
interface WrittenLock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** ISO time at which it was taken. */
  readonly since: string;
  /** `dead` only when the owner ran on this machine and is surely gone. */
  readonly owner: "alive" | "dead" | "elsewhere";
}

/** A lock file that is empty or cut, as a full disk or a crash of the machine leaves it: it does not say who took it. */
export interface TornLock {
  readonly path: string;
  readonly bytes: number;
  /** A `pulumi` that works in this project or on this backend; it may be the owner. */
  readonly pid: number | undefined;
  /** `dead` when no `pulumi` works there. */
  readonly owner: "alive" | "dead";
}

export type StackLock = WrittenLock | TornLock;

export const isTorn = (lock: StackLock): lock is TornLock => "bytes" in lock;

/** Milliseconds in which a lock may still be written. */
const WRITING = 500;

/** The locks of a stack; none for a backend that is not a folder, whose service knows its own owners. */
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

/** Undefined when it is released meanwhile. */
async function readLock(path: string): Promise<WrittenLock | Pick<TornLock, "path" | "bytes"> | undefined> {
  const end = performance.now() + WRITING;
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const lock = LockSchema.safeParse(value).data;
  if (lock === undefined) return undefined;
  const { pid, username, hostname: host, timestamp } = lock;
  return { pid, username, hostname: host, since: timestamp, owner: ownerState(pid, host, timestamp) };
}

/** A pid that was given to another process since then counts as dead. */
function ownerState(pid: number, host: string, since: string): WrittenLock["owner"] {
  if (host !== hostname()) return "elsewhere";
  if (!isAlive(pid)) return "dead";
  const started = startedAt(pid);
  // The lock is taken a moment after the start; whoever started well after it is somebody else.
  return started !== undefined && started > Date.parse(since) + 5_000 ? "dead" : "alive";
}
