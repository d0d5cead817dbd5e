/**
 * Who may become the network of a folder, and which daemons of it live. All of it is file names, so nothing here can be torn:
 *
 *     <dir>/daemons/<permit>         somebody wants a daemon: it may publish itself
 *     <dir>/daemons/<permit>.<pid>   a daemon that was launched with that permit, until it has ended
 *
 * A launcher makes the permit. The daemon registers, and goes on only while its permit is there; it publishes by giving the permit
 * file the descriptor's name, which works once or, after a revocation, never. A stop revokes all permits, and only then looks who is
 * registered: a daemon is either seen by it, or sees that it may not come up.
 */
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { argumentsOf, isAlive, isKernelThread } from "../core/processes.ts";

/** A daemon that was launched on a folder. */
interface Registered {
  readonly permit: string;
  readonly pid: number;
}

const folderOf = (dir: string) => join(dir, "daemons");

/** The file that its holder may turn into the descriptor. */
export const permitFile = (dir: string, permit: string): string => join(folderOf(dir), permit);

/** Permission for one daemon. Fails when the folder itself is gone. */
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

/** False when there was none: its daemon has published itself, or somebody revoked it before. */
export function revoke(dir: string, permit: string): boolean {
  try {
    unlinkSync(permitFile(dir, permit));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Takes back every permit that was given until now. */
export function revokeAll(dir: string): void {
  for (const name of names(dir)) if (!name.includes(".")) revoke(dir, name);
}

/** Said by the launcher and by the daemon, whoever comes first. False when the folder is gone. */
export function register(dir: string, { permit, pid }: Registered): boolean {
  try {
    closeSync(openSync(`${permitFile(dir, permit)}.${pid}`, "a"));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

export function unregister(dir: string, { permit, pid }: Registered): void {
  rmSync(`${permitFile(dir, permit)}.${pid}`, { force: true });
}

/** The daemons that live and may not come up any more, or are up. Those of a launch that began after the last revocation are left out. */
export function registered(dir: string): Registered[] {
  const all = names(dir);
  const permits = new Set(all.filter((name) => !name.includes(".")));
  const daemons = all.flatMap((name) => {
    const [permit = "", pid] = name.split(".");
    return pid === undefined ? [] : [{ permit, pid: Number(pid) }];
  });
  return daemons.filter((daemon) => {
    if (permits.has(daemon.permit)) return false;
    if (lives(daemon)) return true;
    unregister(dir, daemon);
    return false;
  });
}

/**
 * Whether the process is that daemon still. Its permit is in its command line, so a later process with the same pid is not taken
 * for it. Where the system tells no command line, nothing is ended by pid: a daemon without a permit ends by itself.
 */
export function lives({ permit, pid }: Registered): boolean {
  const words = argumentsOf(pid);
  if (!isAlive(pid)) return false;
  if (words !== undefined) return words.includes(permit);
  // On Linux a process that is ending loses its memory, and the command line with it, before its files and sockets are closed.
  return process.platform === "linux" && !isKernelThread(pid);
}

/** Whether nobody wants a daemon on the folder and none that was launched lives. */
export function isQuiet(dir: string): boolean {
  return registered(dir).length === 0 && names(dir).every((name) => name.includes("."));
}

function names(dir: string): string[] {
  try {
    return readdirSync(folderOf(dir));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
