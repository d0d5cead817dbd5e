import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as configBundle from "../../providers/config-bundle/lifecycle.ts";
import * as processes from "../../providers/process/lifecycle.ts";
import { makeJwk } from "../ao/wallets.ts";
import { type Repeats, type Simnet, type SimnetOptions, startSimnet } from "../simnet/index.ts";
import type { RunResult } from "./engine.ts";
import { type CheckOptions, invariants } from "./invariants.ts";
import type { Spec } from "./spec.ts";

/** The families of reliability.md. */
export type Family = string;

/** One way to break a deployment, and what must hold afterwards. */
export interface FaultCase {
  readonly family: Family;
  /** Unique in its family; also the file name of the reproducer. */
  readonly name: string;
  /** The seed of everything random in it. Default 1. */
  readonly seed?: number;
  /** The faces on which it makes sense, and why it does not on the others. @default both */
  readonly faces?: { readonly on: readonly Face[]; readonly why: string };
  /** The posts that a node receives a second time while it runs. @default every one, up to 300 ms later */
  readonly repeats?: Repeats;
  /** Runs the case. What it returns is broken; an error is broken too. */
  run(lab: Lab): Promise<readonly string[]>;
}

/** The protocol of the network that a case runs on. */
export type Face = NonNullable<SimnetOptions["face"]>;

/** Why a case is not run on a face; undefined if it is. Pure. */
export const leftOut = ({ faces }: FaultCase, face: Face): string | undefined =>
  faces === undefined || faces.on.includes(face) ? undefined : faces.why;

export interface Verdict {
  readonly family: Family;
  readonly name: string;
  readonly seed: number;
  readonly broken: readonly string[];
  /** Milliseconds that recoveries took. */
  readonly recoveries: readonly number[];
  /** Trials inside the case; 1 for most. */
  readonly trials: number;
  readonly seconds: number;
  /** Repeated posts: none on legacy units. */
  readonly repeats: RepeatCount;
}

/** Posts that its networks received again. */
export interface RepeatCount {
  readonly made: number;
  /** Those that got a slot and had no effect there. The node dropped the others before they got one. */
  readonly absorbed: number;
}

/** What became of the repeated posts of a network. */
export interface Repeated extends RepeatCount {
  /** Those that had an effect, and which. */
  readonly broken: readonly string[];
}

/** What a case works with: networks, folders and child processes, all removed when it ends. */
export interface Lab {
  readonly seed: number;
  readonly face: Face;
  /** The posts that a node receives a second time: none on legacy units. */
  readonly repeats: Repeats;
  /** Judges a network's repeated posts when the case ends, before the network does. */
  judging(repeated: () => Promise<Repeated>): void;
  network(options?: SimnetOptions): Promise<Simnet>;
  folder(): Promise<string>;
  /** Runs in another process; `crashAt` names a crash point (`name:n`). */
  drive(task: Task, spec: Spec, crashAt?: string): Promise<Driven>;
  /** The same, still running. */
  start(task: Task, spec: Spec, crashAt?: string, options?: StartOptions): Promise<Running>;
  /** Measures the time of what recovers a fleet. */
  recovering<T>(work: () => Promise<T>): Promise<T>;
  /** Records that the case contains this number of trials. */
  counts(trials: number): void;
  /** I1 to I8. */
  check(spec: Spec, net: Simnet, options?: CheckOptions): Promise<string[]>;
  readonly walletPath: string;
  /** Ends with the case. */
  onEnd(work: () => Promise<void> | void): void;
}

export type Task = "up" | "refresh" | "destroy";

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A prefix of the shell's line: `ulimit -f 8;`. */
  readonly shell?: string;
}

export interface Driven {
  readonly signal: string | null;
  readonly code: number | null;
  /** Undefined if it was killed. */
  readonly result: RunResult | undefined;
  readonly text: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Driven>;
}

const DRIVER = fileURLToPath(new URL("driver.ts", import.meta.url));

let wallet: Promise<{ path: string; secrets: string[]; folder: string }> | undefined;

/** One wallet for all cases of this process; lifecycles in this process use it too. */
function prepared() {
  wallet ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), "fleet-faults-wallet-"));
    const path = join(folder, "wallet.json");
    const jwk = await makeJwk();
    await writeFile(path, JSON.stringify(jwk), { mode: 0o600 });
    const config = { get: (key: string) => (key === "walletPath" ? path : undefined) };
    processes.configure(config);
    configBundle.configure(config);
    const secrets = ["d", "p", "q", "dp", "dq", "qi"].map((part) => jwk[part] ?? "");
    process.once("exit", () => void rm(folder, { recursive: true, force: true }));
    return { path, secrets, folder };
  })();
  return wallet;
}

/** Runs one case and judges it. What broke is written to `build/faults/<family>-<name>.json`. */
export async function runCase(fault: FaultCase, face: Face = "legacy"): Promise<Verdict> {
  const seed = fault.seed ?? 1;
  const { path, secrets } = await prepared();
  const ends: (() => Promise<void> | void)[] = [];
  const judges: (() => Promise<Repeated>)[] = [];
  const recoveries: number[] = [];
  const specs: Spec[] = [];
  let trials = 1;
  const repeats: Repeats = face === "mainnet" ? (fault.repeats ?? { share: 1 }) : {};
  const start: Lab["start"] = async (task, spec, crashAt, { env = {}, shell } = {}) => {
    specs.push(spec);
    await mkdir(spec.home, { recursive: true });
    const file = join(spec.home, `spec-${Math.random().toString(36).slice(2)}.json`);
    await writeFile(file, JSON.stringify(spec));
    const line = [process.execPath, "--no-warnings", DRIVER, task, file, path];
    const [command = "", ...args] =
      shell === undefined ? line : ["sh", "-c", `${shell} exec "$@"`, "sh", ...line];
    const child = spawn(command, args, {
      env: { ...process.env, FLEET_CRASH_AT: crashAt ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    ends.push(() => void child.kill("SIGKILL"));
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        text += chunk;
      });
    const ended = new Promise<Driven>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, text, result: resultIn(text) }));
    });
    return { child, ended };
  };
  const lab: Lab = {
    seed,
    face,
    repeats,
    walletPath: path,
    judging: (repeated) => void judges.push(repeated),
    async network(options) {
      const net = await startSimnet({ face, repeats, ...options, faults: { seed, ...options?.faults } });
      judges.push(() => repeatedIn(net));
      ends.push(() => net.close());
      return net;
    },
    async folder() {
      const folder = await mkdtemp(join(tmpdir(), "fleet-faults-"));
      ends.push(() => rm(folder, { recursive: true, force: true }));
      return folder;
    },
    start,
    drive: async (...args) => (await start(...args)).ended,
    async recovering(work) {
      const from = performance.now();
      const result = await work();
      recoveries.push(performance.now() - from);
      return result;
    },
    counts(count) {
      trials = count;
    },
    check: (spec, net, options) => invariants(spec, net.oracle, { secrets, ...options }),
    onEnd: (work) => void ends.push(work),
  };
  const from = performance.now();
  let broken: readonly string[];
  try {
    broken = await fault.run(lab);
  } catch (error) {
    broken = [`threw: ${error instanceof Error ? error.stack || error.message : String(error)}`];
  }
  const judged = await judgedBy(judges);
  // One process that absorbs nothing has hundreds.
  broken = [...broken, ...judged.broken.slice(0, 10)].map((line) => withoutPlace(line).slice(0, 2000));
  for (const end of ends.reverse()) await end();
  const verdict: Verdict = {
    family: fault.family,
    name: fault.name,
    seed,
    broken,
    recoveries,
    trials,
    repeats: { made: judged.made, absorbed: judged.absorbed },
    seconds: (performance.now() - from) / 1000,
  };
  if (broken.length > 0) await keep(verdict, specs, face);
  return verdict;
}

/** What a simulated network says of its repeated posts, once it is at rest. */
async function repeatedIn({ network, oracle, settled }: Simnet): Promise<Repeated> {
  if (network.kind !== "mainnet") return { made: 0, absorbed: 0, broken: [] };
  await settled();
  await oracle.quiet(20);
  const found = oracle.repeats();
  const effects = found.filter(({ effect }) => effect !== undefined);
  return {
    made: [...oracle.copies.values()].reduce((sum, count) => sum + count, 0),
    absorbed: found.length - effects.length,
    broken: effects.map(
      ({ id, action, process, slot, effect }) =>
        `I10: the message ${id} (${action}), repeated in slot ${slot} of the process ${process}, ${effect}`,
    ),
  };
}

async function judgedBy(judges: readonly (() => Promise<Repeated>)[]): Promise<Repeated> {
  const all: Repeated[] = [];
  for (const judge of judges)
    all.push(
      await judge().catch((error) => ({ made: 0, absorbed: 0, broken: [`the repeated posts: ${error}`] })),
    );
  return {
    made: all.reduce((sum, { made }) => sum + made, 0),
    absorbed: all.reduce((sum, { absorbed }) => sum + absorbed, 0),
    broken: all.flatMap(({ broken }) => broken),
  };
}

const PROJECT = new URL("../../", import.meta.url);

/** The text without this machine's folders: reports are read elsewhere. Pure. */
export function withoutPlace(text: string): string {
  const folders = [PROJECT.href, fileURLToPath(PROJECT), `file://${tmpdir()}/`, `${tmpdir()}/`];
  return folders.reduce((rest, folder) => rest.replaceAll(folder, ""), text);
}

/** Everything that is needed to run a broken case again. */
async function keep(verdict: Verdict, specs: readonly Spec[], face: Face): Promise<void> {
  const folder = join("build", "faults");
  await mkdir(folder, { recursive: true });
  const name = `${verdict.family}-${verdict.name}`.replace(/[^\w.-]+/g, "_");
  const again = `npm run test:faults -- --face ${face} --family ${verdict.family} --case "${verdict.name}"`;
  const text = JSON.stringify({ ...verdict, again, specs }, null, 2);
  await writeFile(join(folder, `${name}.json`), `${text}\n`);
}

function resultIn(text: string): RunResult | undefined {
  const line = text
    .trim()
    .split("\n")
    .reverse()
    .find((one) => one.startsWith('{"created"'));
  return line === undefined ? undefined : (JSON.parse(line) as RunResult);
}

/** The failures of a run that should have succeeded. */
export function failuresOf(what: string, result: RunResult | undefined, text = ""): string[] {
  if (!result) return [`${what}: ended without a result: ${text.slice(-600)}`];
  return result.errors.map(({ name, message }) => `${what}: ${name} failed: ${message}`);
}
