import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { isAlive, startedAt } from "../../core/processes.ts";

const LockSchema = z.looseObject({
  pid: z.int(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.string(),
});

/** Who holds a stack in a file backend, as Pulumi wrote it down. */
export interface StackLock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** ISO time at which it was taken. */
  readonly since: string;
  /** `dead` only when the owner ran on this machine and is surely gone. */
  readonly owner: "alive" | "dead" | "elsewhere";
}

/** The locks of a stack; none for a backend that is not a folder, whose service knows its own owners. */
export async function stackLocks(
  backendUrl: string | undefined,
  project: string,
  stack: string,
): Promise<StackLock[]> {
  if (!backendUrl?.startsWith("file://")) return [];
  const folder = join(folderOf(backendUrl), ".pulumi", "locks", "organization", project, stack);
  const files = await readdir(folder).catch(() => []);
  const locks = await Promise.all(
    files.filter((file) => file.endsWith(".json")).map((file) => readLock(join(folder, file))),
  );
  return locks.filter((lock) => lock !== undefined);
}

async function readLock(path: string): Promise<StackLock | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { pid, username, hostname: host, timestamp } = LockSchema.parse(JSON.parse(text));
  return { pid, username, hostname: host, since: timestamp, owner: ownerState(pid, host, timestamp) };
}

/** A pid that was given to another process since then counts as dead. */
function ownerState(pid: number, host: string, since: string): StackLock["owner"] {
  if (host !== hostname()) return "elsewhere";
  if (!isAlive(pid)) return "dead";
  const started = startedAt(pid);
  // The lock is taken a moment after the start; whoever started well after it is somebody else.
  return started !== undefined && started > Date.parse(since) + 5_000 ? "dead" : "alive";
}

function folderOf(url: string): string {
  return url.startsWith("file:///") ? fileURLToPath(url) : url.slice("file://".length);
}
