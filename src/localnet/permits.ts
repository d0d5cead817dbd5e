/**
 * Which daemons may become the network of a folder, and which are running. All state is in file names, so it cannot be torn:
 *
 *     <dir>/daemons/<permit>         the daemon with this permit may publish itself
 *     <dir>/daemons/<permit>.<pid>   a daemon that was launched with that permit, until it has ended
 *
 * A launcher creates the permit. The daemon registers, and continues only while its permit exists; it publishes itself by renaming
 * the permit file to the descriptor, which works once or, after a revocation, never. A stop revokes all permits, and only then reads
 * the registrations: a daemon is either found by the stop, or finds its permit revoked.
 */
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { unlessMissing } from "../core/missing.ts";
import { argumentsOf, isAlive, isKernelThread } from "../core/processes.ts";

/** A daemon that was launched on a folder. */
interface Registered {
  readonly permit: string;
  readonly pid: number;
}

const folderOf = (dir: string) => join(dir, "daemons");

/** The file that its holder can rename to the descriptor. */
export const permitFile = (dir: string, permit: string): string => join(folderOf(dir), permit);

/** Creates a permit for one daemon. Fails if the folder itself is gone. */
export function makePermit(dir: string): string {
  const permit = randomUUID();
  try {
    mkdirSync(folderOf(dir));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  closeSync(openSync(permitFile(dir, permit), "wx"));
  return permit;
}

export function isPermitted(dir: string, permit: string): boolean {
  return existsSync(permitFile(dir, permit));
}

/** Returns false if it did not exist: its daemon has published itself, or it was already revoked. */
export const revoke = (dir: string, permit: string): boolean =>
  unlessMissing(() => {
    unlinkSync(permitFile(dir, permit));
    return true;
  }, false);

/** Revokes every existing permit. */
export function revokeAll(dir: string): void {
  for (const name of names(dir)) if (!name.includes(".")) revoke(dir, name);
}

/** Registers a daemon; called by the launcher and by the daemon. Returns false if the folder is gone. */
export const register = (dir: string, { permit, pid }: Registered): boolean =>
  unlessMissing(() => {
    closeSync(openSync(`${permitFile(dir, permit)}.${pid}`, "a"));
    return true;
  }, false);

export function unregister(dir: string, { permit, pid }: Registered): void {
  rmSync(`${permitFile(dir, permit)}.${pid}`, { force: true });
}

/** The daemons that live and may not come up any more, or are up. Those of a launch that began after the last revocation are left out. */
export function registeredDaemons(dir: string): Registered[] {
  const all = names(dir);
  const permits = new Set(all.filter((name) => !name.includes(".")));
  const daemons = all.flatMap((name) => {
    const [permit = "", pid] = name.split(".");
    return pid === undefined ? [] : [{ permit, pid: Number(pid) }];
  });
  return daemons.filter((daemon) => {
    if (permits.has(daemon.permit)) return false;
    if (isDaemonAlive(daemon)) return true;
    unregister(dir, daemon);
    return false;
  });
}

/**
 * Whether the process is still that daemon. Its permit is in its command line, so a later process with the same pid is not mistaken
 * for it. If the system does not show command lines, no process is killed by pid: a daemon without a permit exits by itself.
 */
export function isDaemonAlive({ permit, pid }: Registered): boolean {
  const words = argumentsOf(pid);
  if (!isAlive(pid)) return false;
  if (words !== undefined) return words.includes(permit);
  // On Linux an exiting process loses its memory, including the command line, before its files and sockets are closed.
  return process.platform === "linux" && !isKernelThread(pid);
}

/** Whether there are no permits and no running daemons for the folder. */
export function hasNoDaemons(dir: string): boolean {
  return registeredDaemons(dir).length === 0 && names(dir).every((name) => name.includes("."));
}

const names = (dir: string): string[] => unlessMissing(() => readdirSync(folderOf(dir)), []);
