import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { unlessMissing } from "../core/missing.ts";
import { permitFile } from "./permits.ts";

/** The endpoints of a running embedded network; all URLs are on loopback. */
export interface LocalNetworkInfo {
  readonly pid: number;
  /** Absolute. */
  readonly dir: string;
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  readonly muUrl: string;
  readonly cuUrl: string;
  readonly suUrl: string;
  /** The HyperBEAM node. */
  readonly nodeUrl: string;
  /** Address of the scheduler, for `Scheduler` tags. */
  readonly scheduler: string;
  /** Address of the messenger, for `Authority` tags. */
  readonly authority: string;
  /** Address of the HyperBEAM node: scheduler and authority of its processes. */
  readonly nodeAddress: string;
  /** Name to module id. `aos` is the default image. */
  readonly modules: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** The content of `<dir>/network.json`. */
export interface Descriptor extends LocalNetworkInfo {
  /** New at each start: distinguishes this daemon from another process with the same pid or port. A secret: who knows it can stop the daemon. */
  readonly instance: string;
}

/** Exit codes of a daemon that cannot become the folder's network. */
export const EXIT = {
  /** Another one has the folder's store open. */
  busy: 3,
  /** Its permit was revoked. */
  revoked: 4,
} as const;

export const STORE_FILE = "network.sqlite";
export const LOG_FILE = "localnet.log";
const DESCRIPTOR_FILE = "network.json";

/** Path under the gateway's URL at which the daemon reports the hash of its instance. */
export const CONTROL_PATH = "/~localnet";

export function readDescriptor(dir: string): Descriptor | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, DESCRIPTOR_FILE), "utf8")) as Descriptor;
  } catch {
    return undefined;
  }
}

/**
 * Writes the descriptor into the permit's file and renames it: atomically, and only while the permit exists. Returns false if it
 * was revoked, or the folder is gone.
 */
export function publishDescriptor(dir: string, permit: string, descriptor: Descriptor): boolean {
  const file = permitFile(dir, permit);
  return unlessMissing(() => {
    const open = openSync(file, "r+");
    writeSync(open, `${JSON.stringify(descriptor, null, 2)}\n`);
    closeSync(open);
    renameSync(file, join(dir, DESCRIPTOR_FILE));
    return true;
  }, false);
}

/** Whether the folder exists and names this daemon. Also true if the file cannot be read for a reason other than its absence. */
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
