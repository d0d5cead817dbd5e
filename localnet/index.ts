import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";
import {
  CONTROL_PATH,
  type Descriptor,
  LOG_FILE,
  type LocalNetworkInfo,
  readDescriptor,
  removeDescriptor,
  STORE_FILE,
} from "./descriptor.ts";

export type { LocalNetworkInfo } from "./descriptor.ts";

/**
 * The embedded AO network, as a detached daemon per folder.
 *
 *     const network = await start(".fleet/network/dev");       // idempotent; also from several processes at once
 *     const ao = connect({ MODE: "legacy", GATEWAY_URL: network.gatewayUrl, MU_URL: network.muUrl, CU_URL: network.cuUrl });
 *     await ao.spawn({ module: network.modules.aos, scheduler: network.scheduler, signer,
 *                      tags: [{ name: "Authority", value: network.authority }] });
 *     await stop(".fleet/network/dev");                        // processes, ids and ports are there at the next start
 */

export interface StartOptions {
  /** Until the network must answer. Default 60. */
  readonly timeoutSeconds?: number;
  readonly log?: (line: string) => void;
}

/** Starts the network of a folder, or finds it running; answers when it answers. Errors: LOCALNET_START. */
export async function start(dir: string, options: StartOptions = {}): Promise<LocalNetworkInfo> {
  const folder = resolve(dir);
  const budget = budgetOf(options.timeoutSeconds ?? 60);
  mkdirSync(folder, { recursive: true });
  let daemon = null as ReturnType<typeof launch> | null;
  while (budget.remaining() > 0) {
    const { running, info } = await status(folder);
    if (running && info) return info;
    // An ended daemon may only have lost the race against another one, or against one that is still stopping.
    if (daemon === null || daemon.ended()) {
      if (daemon?.failed()) break;
      options.log?.(`starting the embedded network in ${folder}`);
      daemon = launch(folder);
    }
    await Promise.race([daemon.exit, sleep(50)]);
    if (daemon.ended()) await sleep(100);
  }
  throw new FleetError({
    code: "LOCALNET_START",
    what: `The embedded network in ${folder} did not start.`,
    got: daemon?.busy()
      ? "another daemon has the folder open and does not answer"
      : (await logs(folder, 5)) || "no output",
    expected: `an answer within ${budget.total / 1000} s`,
    remedy: `Read ${join(folder, LOG_FILE)}. If the folder is damaged, reset it: all its processes are lost then.`,
  });
}

/** Ends the network of a folder and waits until it is gone. False when it was not running. */
export async function stop(dir: string): Promise<boolean> {
  const folder = resolve(dir);
  const descriptor = readDescriptor(folder);
  if (descriptor === undefined || !(await answers(descriptor))) return false;
  const url = `${descriptor.gatewayUrl}${CONTROL_PATH}/stop/${descriptor.instance}`;
  await fetch(url, { method: "POST", signal: AbortSignal.timeout(5000) }).catch(() => {});
  const budget = budgetOf(20);
  while (alive(descriptor.pid)) {
    if (budget.remaining() === 0) {
      // It said its instance a moment ago, so the process id is its own.
      process.kill(descriptor.pid, "SIGKILL");
      removeDescriptor(folder);
    }
    await sleep(25);
  }
  return true;
}

/** Whether the network of a folder answers now. Asks the daemon itself: a process id may belong to something else by now. */
export async function status(dir: string): Promise<{ running: boolean; info?: LocalNetworkInfo }> {
  const descriptor = readDescriptor(resolve(dir));
  if (descriptor === undefined) return { running: false };
  const { instance: _, ...info } = descriptor;
  return { running: await answers(descriptor), info };
}

/** Stops the network of a folder and forgets everything in it. */
export async function reset(dir: string): Promise<void> {
  const folder = resolve(dir);
  await stop(folder);
  removeDescriptor(folder);
  for (const suffix of ["", "-wal", "-shm", "-journal"])
    rmSync(join(folder, STORE_FILE + suffix), { force: true });
  rmSync(join(folder, LOG_FILE), { force: true });
}

/** The last lines that the daemon wrote; "" when there are none. */
export async function logs(dir: string, lines = 100): Promise<string> {
  const file = join(resolve(dir), LOG_FILE);
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

async function answers({ gatewayUrl, instance }: Descriptor): Promise<boolean> {
  try {
    const response = await fetch(gatewayUrl + CONTROL_PATH, { signal: AbortSignal.timeout(5000) });
    const answer = (await response.json()) as { instance?: string };
    return answer.instance === instance;
  } catch {
    return false;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The exit code of a daemon that found another one on its folder. */
const EXIT_BUSY = 3;

function launch(folder: string) {
  const output = openSync(join(folder, LOG_FILE), "a");
  const program = fileURLToPath(import.meta.resolve("./daemon.ts"));
  const flags = ["--experimental-wasm-memory64", "--disable-warning=ExperimentalWarning"];
  const child = spawn(nodeBinary(), [...flags, program, folder], {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: folder,
    env: withoutNodeOptions(),
  });
  closeSync(output);
  let code: number | null | undefined;
  const exit = new Promise<void>((resolve) => {
    child.on("exit", (status) => {
      code = status ?? 1;
      resolve();
    });
    child.on("error", () => {
      code = 1;
      resolve();
    });
  });
  child.unref();
  return {
    exit,
    busy: () => code === EXIT_BUSY,
    ended: () => code !== undefined,
    failed: () => code !== undefined && code !== EXIT_BUSY && code !== 0,
  };
}

/** The Node 22 that is installed with the packages: the evaluator's images need it, whatever Node runs the caller. */
function nodeBinary(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json");
    const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(binary) ? binary : process.execPath;
  } catch {
    return process.execPath;
  }
}

/** Options meant for the caller (inspectors, loaders, heap limits) are not the daemon's. */
function withoutNodeOptions(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = process.env;
  return rest;
}
