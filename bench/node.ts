/**
 * Times of the port's effects on a HyperBEAM node, next to the same effects by plain aoconnect and fetch, in turn in one run.
 * Run: `node bench/node.ts [--rounds 20] [--json]`. The node is the embedded network's; `NODE_URL` and `MODULE` (an id that it
 * can load) name another one, with a new wallet. Figures are medians in milliseconds, with the slowest in brackets.
 *
 * `up` is a process with the library, from nothing until it is healthy, as the provider of `pulumi up` creates it: it looks for a process
 * of the same name, spawns, loads, probes. Next to it are the calls that this needs at least: a spawn, an Eval of the same program, and
 * one request. The plan (with the bundle) and pulumi itself are in neither.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect as aoconnect, createSigner } from "@permaweb/aoconnect/node";
import { planFleet } from "../components/plan.ts";
import { check, configure, create } from "../providers/process/lifecycle.ts";
import { endRun } from "../providers/run/session.ts";
import { connect } from "../src/ao/connect.ts";
import { openJournal } from "../src/ao/journal/index.ts";
import { NetworkRefSchema, resolveNetwork } from "../src/ao/network.ts";
import type { Ao } from "../src/ao/port.ts";
import { loadWallet } from "../src/ao/wallet.ts";
import { store } from "../src/bundler/index.ts";
import { budgetOf } from "../src/core/budget.ts";
import { composeProgram } from "../src/fleet/code/program.ts";
import { start, stop } from "../src/localnet/index.ts";
import { makeJwk } from "../test/ao/wallets.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "20" }, json: { type: "boolean", default: false } },
});
const ROUNDS = Number(values.rounds);
const SCOPE = { project: "bench", stack: "dev", home: ".fleet", build: "build" };
const STEPS = ["spawn", "load", "message", "up"];
const PROGRAM = `counted = (counted or 0) + 1 return counted -- ${"x".repeat(20_000)}`;

interface Node {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly module: string;
  /** Its scheduler, and the authority of its pushes. */
  readonly address: string;
}

/** One way to make the same effects. */
interface Way {
  spawn(name: string): Promise<string>;
  /** An Eval of the program, until its result was read. */
  load(processId: string, name: string): Promise<unknown>;
  /** A small message, until its result was read. */
  message(processId: string, name: string): Promise<unknown>;
  /** A process that has the library and is healthy. */
  up(inputs: Inputs): Promise<void>;
}

/** What a provider gets from a plan. */
interface Inputs {
  readonly raw: Record<string, unknown>;
  readonly name: string;
  /** The Eval that loads the planned program. */
  readonly program: string;
}

/** What a script does: aoconnect's own calls and a result by its slot, without a journal and without reading the schedule. */
function plainWay(node: Node, jwk: Record<string, string>): Way {
  const { url: URL, address: SCHEDULER } = node;
  // RESULTS=results/raw for nodes of 2026.
  const { RESULTS: results = "results/json/body" } = process.env;
  const ao = aoconnect({ MODE: "mainnet", URL, SCHEDULER, signer: createSigner(jwk) });
  async function evaluated(processId: string, data: string, action = "Eval"): Promise<string> {
    const slot = await ao.message({ process: processId, tags: [{ name: "Action", value: action }], data });
    const headers = { accept: "application/json", "accept-bundle": "true" };
    const found = await fetch(`${node.url}/${processId}~process@1.0/compute=${slot}/${results}`, {
      headers,
    });
    if (!found.ok) throw new Error(`slot ${slot}: ${found.status}`);
    return found.text();
  }
  const spawn = (name: string): Promise<string> =>
    ao.spawn({
      module: node.module,
      scheduler: node.address,
      authority: node.address,
      tags: [{ name: "Name", value: name }],
    });
  return {
    spawn,
    load: (processId, name) => evaluated(processId, `${PROGRAM}${name}`),
    message: (processId, name) => evaluated(processId, `return "${name}"`),
    async up({ name, program }) {
      const processId = await spawn(name);
      await evaluated(processId, program);
      const info = await evaluated(processId, "", "Info");
      if (!info.includes("Info-Response"))
        throw new Error(`${name} does not answer Info: ${info.slice(0, 300)}`);
    },
  };
}

/** The port: each effect exactly once, whatever fails. */
function portWay(ao: Ao, node: Node): Way {
  async function evaluated(processId: string, data: string, intent: string): Promise<void> {
    const budget = budgetOf(60);
    const { id } = await ao.send({ intent, processId, tags: { Action: "Eval" }, data }, budget);
    await ao.evaluation({ processId, messageId: id }, budget);
    await ao.settle(intent);
  }
  return {
    async spawn(name) {
      const authority = node.address;
      const intent = `bench/${name}/spawn`;
      const input = { intent, module: node.module, scheduler: authority, authority, tags: { Name: name } };
      return (await ao.spawn(input, budgetOf(60))).id;
    },
    load: (processId, name) => evaluated(processId, `${PROGRAM}${name}`, `bench/${name}/load`),
    message: (processId, name) => evaluated(processId, `return "${name}"`, `bench/${name}/message`),
    async up({ raw }) {
      const { outs } = await create(raw);
      if (outs.health.status !== "HEALTHY") throw new Error(`${outs.name} is ${outs.health.status}`);
    },
  };
}

/** Plans a process with the library, in the working directory. */
async function planned(node: Node, name: string): Promise<Inputs> {
  const folder = join("processes", name);
  mkdirSync(folder, { recursive: true });
  const described = `name = "${name}", processType = "BENCH", version = "1.0.0", capabilities = {}`;
  writeFileSync(join(folder, "process.lua"), `require("fleet").process({ ${described} })\n`);
  const { url: nodeUrl, gatewayUrl, module, address } = node;
  const network = { kind: "mainnet" as const, nodeUrl, gatewayUrl, nodeAddress: address };
  const plan = await planFleet({ network, processes: { [name]: { module } } }, SCOPE, () => undefined);
  const declared = plan.levels[0]?.[0]?.declared;
  if (declared === undefined) throw new Error(`${name} was not planned`);
  const { sourceHash: hash, bytes, entry, modules, version, lib } = declared;
  const { inputs: raw, failures } = await check(
    {},
    {
      ...{ scope: SCOPE, network, name, version, module, lib, bundle: { hash, bytes, entry, modules } },
      healthCheck: { timeoutSeconds: 120, intervalSeconds: 0.1, retries: 2 },
    },
  );
  if (failures.length > 0) throw new Error(JSON.stringify(failures));
  const bundle = await store(join(SCOPE.home, "bundles")).get(hash);
  if (bundle === undefined) throw new Error(`${name} has no bundle ${hash}`);
  const commit = { process: name, release: "bench", sourceHash: hash, version, epoch: 1 };
  return { raw, name, program: composeProgram(bundle.text, { ...commit, repeats: true }).text };
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;

async function measure(node: Node, ways: Readonly<Record<string, Way>>): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>();
  async function timed<T>(step: string, run: () => Promise<T>): Promise<T> {
    const before = performance.now();
    const result = await run();
    times.set(step, [...(times.get(step) ?? []), performance.now() - before]);
    return result;
  }
  for (let round = 0; round <= ROUNDS; round++) {
    // The first round warms both ways up.
    if (round === 1) times.clear();
    for (const [label, way] of Object.entries(ways)) {
      const name = `${label}-${round}`;
      const processId = await timed(`spawn ${label}`, () => way.spawn(name));
      await timed(`load ${label}`, () => way.load(processId, name));
      await timed(`message ${label}`, () => way.message(processId, name));
      const inputs = await planned(node, name);
      await timed(`up ${label}`, () => way.up(inputs));
    }
  }
  return times;
}

function print(times: ReadonlyMap<string, readonly number[]>): void {
  console.log(`${ROUNDS} rounds\n\n| step | plain aoconnect | ao-fleet | ratio |\n|---|---|---|---|`);
  for (const step of STEPS) {
    const [plain, port] = ["plain", "port"].map((label) => times.get(`${step} ${label}`) ?? []);
    const shown = (of: readonly number[] = []) => `${median(of).toFixed(1)} (${Math.max(...of).toFixed(0)})`;
    const ratio = median(port ?? []) / median(plain ?? []);
    console.log(`| ${step} | ${shown(plain)} | ${shown(port)} | ${ratio.toFixed(2)} |`);
  }
}

/** The node that the environment names, otherwise the embedded network's. */
async function nodeIn(dir: string): Promise<Node> {
  const { NODE_URL: url, MODULE: module, GATEWAY_URL: gatewayUrl = "https://arweave.net" } = process.env;
  if (url !== undefined && module !== undefined) {
    const address = await (await fetch(`${url}/~meta@1.0/info/address`)).text();
    return { url, module, gatewayUrl, address: address.trim() };
  }
  const info = await start(dir);
  const { nodeUrl, nodeAddress, modules } = info;
  return { url: nodeUrl, gatewayUrl: info.gatewayUrl, module: modules.aos ?? "", address: nodeAddress };
}

const home = mkdtempSync(join(tmpdir(), "fleet-bench-"));
const network = join(home, "network");
process.chdir(home);
// What the provider says of its work is no part of the table.
const { log } = console;
console.log = console.error;
try {
  const [node, jwk] = await Promise.all([nodeIn(network), makeJwk()]);
  configure({ get: (key) => (key === "wallet" ? JSON.stringify(jwk) : undefined) });
  const journal = await openJournal(join(home, "bench.jsonl"));
  const { url: nodeUrl, gatewayUrl, address } = node;
  const declared = { kind: "mainnet", nodeUrl, gatewayUrl, scheduler: address, authority: address };
  const resolved = await resolveNetwork(NetworkRefSchema.parse(declared), () => {
    throw new Error("not an embedded network");
  });
  const ao = connect(resolved, { wallet: await loadWallet({ jwk }), journal });
  const times = await measure(node, { plain: plainWay(node, jwk), port: portWay(ao, node) });
  await journal.close();
  console.log = log;
  if (values.json) console.log(JSON.stringify(Object.fromEntries(times)));
  else print(times);
} finally {
  await endRun();
  await stop(network).catch(() => false);
  rmSync(home, { recursive: true, force: true });
}
