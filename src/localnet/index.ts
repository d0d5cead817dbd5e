import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";
import { sha256 } from "../core/hash.ts";
import { isAlive, kill } from "../core/processes.ts";
import {
  CONTROL_PATH,
  type Descriptor,
  isPublished,
  LOG_FILE,
  type LocalNetworkInfo,
  readDescriptor,
  removeDescriptor,
  STORE_FILE,
} from "./descriptor.ts";
import { ensureImages } from "./fetch-images.ts";
import { type Daemon, launch } from "./launch.ts";
import { hasNoDaemons, isDaemonAlive, registeredDaemons, revokeAll, unregister } from "./permits.ts";

export type { LocalNetworkInfo } from "./descriptor.ts";

/**
 * The embedded AO network, as a detached daemon per folder.
 *
 *     const network = await start(".fleet/network/dev");       // idempotent; also from several processes at once
 *     const ao = connect({ MODE: "legacy", GATEWAY_URL: network.gatewayUrl, MU_URL: network.muUrl, CU_URL: network.cuUrl });
 *     await ao.spawn({ module: network.modules.aos, scheduler: network.scheduler, signer,
 *                      tags: [{ name: "Authority", value: network.authority }] });
 *     await stop(".fleet/network/dev");                        // processes, ids and ports survive until the next start
 */

export interface StartOptions {
  /** Time limit in seconds for the network to answer. Default 60. */
  readonly timeoutSeconds?: number;
  readonly log?: (line: string) => void;
}

/**
 * Starts the network of a folder, or finds it running; resolves when it answers. A daemon that this call launched and that did not
 * become that network has ended by then, as it has if the call fails. Errors: LOCALNET_START, LOCALNET_STOPPED,
 * LOCALNET_IMAGES, LOCALNET_EVALUATOR.
 */
export async function start(dir: string, options: StartOptions = {}): Promise<LocalNetworkInfo> {
  const folder = resolve(dir);
  mkdirSync(folder, { recursive: true });
  const found = await status(folder);
  if (found.running && found.info) return found.info;
  // Here and not in the daemon, whose output nobody sees; a download does not count as time to answer.
  await ensureImages(options);
  const budget = budgetOf(options.timeoutSeconds ?? 60);
  let daemon: Daemon | undefined;
  let network: LocalNetworkInfo | undefined;
  try {
    while (budget.remaining() > 0) {
      const { running, info } = await status(folder);
      if (running && info) {
        network = info;
        return network;
      }
      if (daemon?.end() === "stopped") throw stopped(folder);
      if (daemon?.end() === "failed") break;
      // The winner of the race is another daemon that starts, or one that is still stopping.
      if (daemon === undefined || daemon.end() === "lost") {
        options.log?.(`starting the embedded network in ${folder}`);
        daemon = launch(folder);
      }
      await Promise.race([daemon.exit, sleep(50)]);
      if (daemon.end() === "lost") await sleep(100);
    }
  } finally {
    if (daemon?.pid !== network?.pid) await daemon?.dismiss();
  }
  throw new FleetError({
    code: "LOCALNET_START",
    what: `The embedded network in ${folder} did not start.`,
    got:
      daemon?.end() === "lost"
        ? "another daemon has opened the folder and does not answer"
        : (await logs(folder, 5)) || "no output",
    expected: `an answer within ${budget.total / 1000} s`,
    remedy:
      daemon?.end() === "lost"
        ? "Stop it: npx fleet localnet stop"
        : `Read ${join(folder, LOG_FILE)}. If the folder is damaged, reset it: all its processes are lost.`,
  });
}

function stopped(folder: string): FleetError {
  return new FleetError({
    code: "LOCALNET_STOPPED",
    what: `The embedded network in ${folder} was stopped while it was starting.`,
    expected: "no stop during the start",
    remedy: "Run the command again.",
  });
}

/**
 * Stops the network of a folder, and every daemon that an earlier start launched on it: none is left, and none comes up later.
 * A start that is waiting fails with LOCALNET_STOPPED. Returns false if there was nothing to stop.
 */
export async function stop(dir: string): Promise<boolean> {
  const folder = resolve(dir);
  revokeAll(folder);
  const descriptor = readDescriptor(folder);
  const answered = descriptor !== undefined && (await answers(descriptor));
  const daemons = registeredDaemons(folder);
  for (const { pid } of daemons) {
    // Only the published daemon has something to close.
    if (pid !== descriptor?.pid) kill(pid);
    else if (!answered) kill(pid, "SIGTERM");
  }
  if (answered) {
    const url = `${descriptor.gatewayUrl}${CONTROL_PATH}/stop/${descriptor.instance}`;
    await fetch(url, { method: "POST", signal: AbortSignal.timeout(5000) }).catch(() => {});
  }
  const budget = budgetOf(answered ? 20 : 3);
  const left = () => [
    ...daemons.filter(isDaemonAlive).map(({ pid }) => pid),
    // A daemon of an earlier version is not registered. It has just proved its instance, so the pid is its own.
    ...(answered && isAlive(descriptor.pid) ? [descriptor.pid] : []),
  ];
  for (let pids = left(); pids.length > 0; pids = left()) {
    if (budget.remaining() === 0) for (const pid of pids) kill(pid);
    await sleep(25);
  }
  for (const daemon of daemons) unregister(folder, daemon);
  const ended = answered || daemons.length > 0;
  if (ended && descriptor && isPublished(folder, descriptor.instance)) removeDescriptor(folder);
  return ended;
}

/** Whether the network of a folder answers now. Asks the daemon itself, because its pid may meanwhile belong to another process. */
export async function status(dir: string): Promise<{ running: boolean; info?: LocalNetworkInfo }> {
  const descriptor = readDescriptor(resolve(dir));
  if (descriptor === undefined) return { running: false };
  const { instance: _, ...info } = descriptor;
  return { running: await answers(descriptor), info };
}

/**
 * Whether the network of a folder has a process. The network is not started to find out.
 *
 * @returns undefined if that is unknown: the network is not running, or does not answer
 */
export async function hasProcess(dir: string, processId: string): Promise<boolean | undefined> {
  const folder = resolve(dir);
  const { running, info } = await status(folder);
  if (!running || info === undefined) {
    // A daemon that is starting creates the store before it answers.
    const isEmpty = !existsSync(join(folder, STORE_FILE)) && hasNoDaemons(folder);
    return isEmpty ? false : undefined;
  }
  try {
    const url = `${info.suUrl}/processes/${encodeURIComponent(processId)}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    if (response.ok) return true;
    const { error } = (await response.json()) as { error?: string };
    return error === 'NotFound("Process not found")' ? false : undefined;
  } catch {
    return undefined;
  }
}

/** Stops the network of a folder and deletes its state. */
export async function reset(dir: string): Promise<void> {
  const folder = resolve(dir);
  do {
    await stop(folder);
    removeDescriptor(folder);
    for (const suffix of ["", "-wal", "-shm", "-journal"])
      rmSync(join(folder, STORE_FILE + suffix), { force: true });
    rmSync(join(folder, LOG_FILE), { force: true });
    // A daemon that was started meanwhile may have opened the deleted store.
  } while (!hasNoDaemons(folder));
}

/** The last lines of the daemon's log; "" if there are none. */
export async function logs(dir: string, lines = 100): Promise<string> {
  const file = join(resolve(dir), LOG_FILE);
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

async function answers({ gatewayUrl, instance }: Descriptor): Promise<boolean> {
  try {
    const response = await fetch(gatewayUrl + CONTROL_PATH, { signal: AbortSignal.timeout(5000) });
    const answer = (await response.json()) as { instanceHash?: string; instance?: string };
    // A daemon of an earlier version answers with the instance itself.
    return answer.instanceHash === sha256(instance) || answer.instance === instance;
  } catch {
    return false;
  }
}
