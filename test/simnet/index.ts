import type { LegacyEndpoints } from "../../src/ao/legacy/endpoints.ts";
import type { NetworkRef } from "../../src/ao/network.ts";
import { LUA_CALLS, LUA_DEVICE } from "../../src/core/devices.ts";
import type { Evaluator } from "../../src/localnet/evaluator.ts";
import type { NodeQuirks } from "../../src/localnet/node/quirks.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import type { Store } from "../../src/localnet/store/store.ts";
import type { SpawnedTwice } from "../../src/localnet/units/context.ts";
import { createUnits } from "../../src/localnet/units/index.ts";
import { type Behaviours, behavioursOf } from "./behaviours.ts";
import { type EvaluatorKnobs, simulatedEvaluator } from "./evaluator.ts";
import { type FaultScript, Faults, type Selector } from "./faults.ts";
import { type Oracle, oracleOf } from "./oracle.ts";
import { startFaultProxy } from "./proxy.ts";
import { type Repeats, repeating } from "./repeating.ts";
import { draw, rngOf, type Span } from "./rng.ts";

export { type Behaviours, MU_TEXTS } from "./behaviours.ts";
export type { Call, Endpoint } from "./calls.ts";
export { anyFault, type Fault, type FaultRule, type FaultScript, Faults, type Injected } from "./faults.ts";
export type { Oracle, OracleMessage, OracleProcess, OracleRepeat } from "./oracle.ts";
export type { HealthStatus, Script } from "./program.ts";
export { answerOf, startFaultProxy } from "./proxy.ts";
export { type Repeating, type Repeats, repeating } from "./repeating.ts";

export interface SimnetOptions {
  /** Milliseconds added to calls of each kind, before the unit sees them. Default 0. */
  readonly latency?: {
    readonly spawn?: Span;
    readonly message?: Span;
    readonly result?: Span;
    readonly graphql?: Span;
    /** The seed of the draws. Default 1. */
    readonly seed?: number;
  };
  readonly faults?: FaultScript;
  /** Seconds between blocks. Default 1. */
  readonly blockSeconds?: number;
  /** Which of its two protocols a fleet is deployed through. Default legacy. */
  readonly face?: "legacy" | "mainnet";
  /** Posts to its node that arrive there a second time. Default: none. */
  readonly repeats?: Repeats;
  /** How its node behaves. Default: like the nodes of 2025. */
  readonly node?: Partial<NodeQuirks>;
  /** Whether its node has the device `lua@5.3a`, on which a message that names a function ends its process. Default false. */
  readonly lua?: boolean;
  /** What a fleet on its units is told about them: see the network's setting, and the behaviour `schedulerLag`. Default 0. */
  readonly schedulerLagSeconds?: number;
  /** The effect of a spawn that is posted a second time. Default `ruins`, as in the real scheduler unit. */
  readonly spawnedTwice?: SpawnedTwice;
}

/** A network whose processes are models, behind a fault proxy: thousands of them in one process of Node. */
export interface Simnet {
  readonly endpoints: LegacyEndpoints & { readonly schedulerLagSeconds: number };
  readonly suUrl: string;
  /** Its HyperBEAM node. */
  readonly node: { readonly nodeUrl: string; readonly nodeAddress: string };
  /** Where data items are posted to its face, and their content type there. */
  readonly posts: string;
  readonly itemType: string;
  /** The network of a fleet on its face, as declared. */
  readonly network: NetworkRef;
  /** The id of the simulated aos image. */
  readonly module: string;
  readonly faults: Faults;
  readonly behaviours: Behaviours;
  readonly oracle: Oracle;
  /** Resolves when all repeated posts to its node were answered. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** The device `lua@5.3a`, as far as it ends processes. */
const endedByCalls = (standard: Evaluator): Evaluator => ({
  ...standard,
  evaluate(input) {
    if (input.message.Tags.some(({ name }) => LUA_CALLS.has(name.toLowerCase())))
      return Promise.reject(new Error("undefined function"));
    return standard.evaluate(input);
  },
});

/** The module of every simulated process. */
export const SIMULATED_MODULE = "simulated-aos".padEnd(43, "0");
/** Its bytes: an empty WebAssembly module. */
export const SIMULATED_WASM = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/**
 * Starts an empty simulated network on free loopback ports.
 *
 * ```ts
 * const net = await startSimnet({ latency: { spawn: 80, result: { min: 20, max: 60 } } });
 * for (const rule of anyFault(["mu.post", "cu.result"], 0.2)) net.faults.add(rule);
 * const remove = net.behaviours.emptyFirstResult();
 * // … deploy a program whose Lua says --[[sim:{"health":["HEALTHY","UNHEALTHY"],"reason":"no coordinator"}]]
 * await net.oracle.quiet();
 * net.oracle.byDeploymentKey("shop/dev/battle"); // one process, whatever happened on the way
 * await net.close();
 * ```
 */
export async function startSimnet(options: SimnetOptions = {}): Promise<Simnet> {
  const store = sqliteStore(":memory:");
  const knobs: EvaluatorKnobs = { effects: new Map() };
  const index = { lag: 0 };
  publishModule(store);
  const evaluator = simulatedEvaluator(knobs);
  const units = await createUnits({
    store,
    evaluator,
    ...(options.lua ? { devices: { [LUA_DEVICE]: endedByCalls(evaluator) } } : {}),
    blockSeconds: options.blockSeconds ?? 1,
    indexLag: () => index.lag,
    ...(options.spawnedTwice === undefined ? {} : { spawnedTwice: options.spawnedTwice }),
    ...(options.node === undefined ? {} : { node: options.node }),
  });
  const faults = new Faults(options.faults);
  const base = latencyFaults(options.latency);
  const oracle = oracleOf(store, knobs);
  const again = repeating(units.urls.node, options.repeats ?? {}, oracle.copies, options.faults?.seed ?? 1);
  base.add(again.rule);
  const proxy = await startFaultProxy(units.urls, faults, base);
  const gateway = { gatewayUrl: proxy.urls.gateway, graphqlUrl: `${proxy.urls.gateway}/graphql` };
  const endpoints = {
    ...gateway,
    muUrl: proxy.urls.mu,
    cuUrl: proxy.urls.cu,
    suUrl: proxy.urls.su,
    scheduler: units.scheduler,
    authority: units.authority,
    schedulerLagSeconds: options.schedulerLagSeconds ?? 0,
  };
  const { node: nodeUrl = "" } = proxy.urls;
  return {
    endpoints,
    node: { nodeUrl, nodeAddress: units.nodeAddress },
    posts: options.face === "mainnet" ? `${nodeUrl}/push` : endpoints.muUrl,
    itemType: options.face === "mainnet" ? "application/ans104" : "application/octet-stream",
    network:
      options.face === "mainnet"
        ? { kind: "mainnet", nodeUrl, ...gateway }
        : { kind: "legacy", ...endpoints },
    suUrl: proxy.urls.su,
    module: SIMULATED_MODULE,
    faults,
    behaviours: behavioursOf({ faults, knobs, oracle, index, isNode: options.face === "mainnet" }),
    oracle,
    settled: again.settled,
    async close() {
      await proxy.close();
      await units.close();
      store.close();
    },
  };
}

/** Latencies are rules of their own, so that clearing the faults keeps them. */
function latencyFaults(latency: SimnetOptions["latency"] = {}): Faults {
  const rng = rngOf(latency.seed ?? 1);
  const kinds: [Selector | readonly Selector[], Span | undefined][] = [
    ["mu.spawn", latency.spawn],
    ["mu.message", latency.message],
    [["cu.result", "cu.results", "cu.dryrun"], latency.result],
    ["gateway.graphql", latency.graphql],
  ];
  return new Faults({
    rules: kinds
      .filter(([, span]) => span !== undefined)
      .map(([on, span]) => ({ on, name: "latency", fault: { kind: "delay", ms: () => draw(span, rng) } })),
  });
}

function publishModule(store: Store): void {
  const tags = Object.entries({
    "Data-Protocol": "ao",
    Variant: "ao.TN.1",
    Type: "Module",
    "Module-Format": "simulated",
    "Input-Encoding": "JSON-V1",
    "Output-Encoding": "JSON-V1",
    "Content-Type": "application/octet-stream",
  }).map(([name, value]) => ({ name, value }));
  const empty = {
    owner: "",
    ownerKey: "",
    signature: "",
    target: "",
    anchor: "",
    dataOffset: 0,
    dataSize: 0,
  };
  store.addItem({ id: SIMULATED_MODULE, ...empty, tags, height: 1_500_000, timestamp: 0 }, SIMULATED_WASM);
}
