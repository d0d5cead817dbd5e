import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { permitFile } from "./permits.ts";

/** Where a running embedded network is; all URLs are on loopback. */
export interface LocalNetworkInfo {
  readonly pid: number;
  /** Absolute. */
  readonly dir: string;
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  readonly muUrl: string;
  readonly cuUrl: string;
  readonly suUrl: string;
  /** Address of the scheduler, for `Scheduler` tags. */
  readonly scheduler: string;
  /** Address of the messenger, for `Authority` tags. */
  readonly authority: string;
  /** Name to module id. `aos` is the default image. */
  readonly modules: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** What `<dir>/network.json` holds. */
export interface Descriptor extends LocalNetworkInfo {
  /** Made anew at each start: tells this daemon from another process with the same id or port. */
  readonly instance: string;
}

/** How a daemon ends that may not be the folder's network. */
export const EXIT = {
  /** Another one has the folder's store open. */
  busy: 3,
  /** Its permit was revoked. */
  revoked: 4,
} as const;

export const STORE_FILE = "network.sqlite";
export const LOG_FILE = "localnet.log";
const DESCRIPTOR_FILE = "network.json";

/** Path under the gateway's URL at which the daemon tells its instance. */
export const CONTROL_PATH = "/~localnet";

export function readDescriptor(dir: string): Descriptor | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, DESCRIPTOR_FILE), "utf8")) as Descriptor;
  } catch {
    return undefined;
  }
}

/**
 * Gives the permit's file the descriptor's content, and then its name: in one step, and only while the permit is there. False when it
 * was revoked, or the folder is gone.
 */
export function publishDescriptor(dir: string, permit: string, descriptor: Descriptor): boolean {
  const file = permitFile(dir, permit);
  try {
    const open = openSync(file, "r+");
    writeSync(open, `${JSON.stringify(descriptor, null, 2)}\n`);
    closeSync(open);
    renameSync(file, join(dir, DESCRIPTOR_FILE));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Whether the folder is there and names this daemon. A file that cannot be read for another reason than its absence says nothing. */
export function isPublished(dir: string, instance: string): boolean {
  try {
    const text = readFileSync(join(dir, DESCRIPTOR_FILE), "utf8");
    return (JSON.parse(text) as Partial<Descriptor>).instance === instance;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

export function removeDescriptor(dir: string): void {
  rmSync(join(dir, DESCRIPTOR_FILE), { force: true });
}
