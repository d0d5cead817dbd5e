import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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

/** Replaces the file in one step: a reader sees the earlier or the new one. */
export function writeDescriptor(dir: string, descriptor: Descriptor): void {
  mkdirSync(dir, { recursive: true });
  const temporary = join(dir, `${DESCRIPTOR_FILE}.${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(descriptor, null, 2)}\n`);
  renameSync(temporary, join(dir, DESCRIPTOR_FILE));
}

export function removeDescriptor(dir: string): void {
  rmSync(join(dir, DESCRIPTOR_FILE), { force: true });
}
