import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle, store } from "../../src/bundler/index.ts";
import { hashOf } from "../../src/core/hash.ts";
import type { Simnet } from "../simnet/index.ts";
import type { Script } from "../simnet/program.ts";

/** One member of a fleet under test; its Lua text is a script of the simulated network. */
export interface MemberSpec {
  readonly script?: Script;
  readonly dependsOn?: readonly string[];
  readonly peers?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Everything that a run needs: plain data, so that it can be passed to another process. */
export interface Spec {
  readonly project: string;
  readonly stack: string;
  /** The operator's folder: state, journal, bundles, manifest. */
  readonly home: string;
  /** The name of the state's file. Default state.json. */
  readonly stateFile?: string;
  readonly network: Readonly<Record<string, unknown>>;
  readonly module: string;
  readonly ledger?: string;
  readonly members: Readonly<Record<string, MemberSpec>>;
  /** Seconds for one resource. Default 30. */
  readonly timeoutSeconds?: number;
  readonly health?: Readonly<Record<string, number>>;
}

/** A resource as the engine passes it to its lifecycle. */
export interface Declared {
  readonly kind: "process" | "config-bundle" | "wiring" | "release";
  readonly name: string;
  /** Names of resources that must be created first. */
  readonly after: readonly string[];
  /** Its inputs, once those exist. */
  inputs(outputs: (name: string) => Record<string, unknown>): Record<string, unknown>;
}

export const LEDGER = "deployment-coordinator";

/** A ledger, two services that call each other, one that depends on the first. */
export function smallFleet(net: Simnet, home: string, change: Partial<Spec> = {}): Spec {
  return {
    project: "game",
    stack: "test",
    home,
    network: net.network,
    module: net.module,
    ledger: LEDGER,
    members: {
      [LEDGER]: {},
      battle: { peers: ["shop"], config: { maxConcurrentRequests: 100 } },
      shop: { dependsOn: ["battle"], peers: ["battle"] },
    },
    ...change,
  };
}

/** The same fleet with another text, and therefore another bundle, in each named member. */
export function edited(spec: Spec, names: readonly string[], script: Script): Spec {
  const members = Object.fromEntries(
    Object.entries(spec.members).map(([name, member]) => [
      name,
      names.includes(name) ? { ...member, script } : member,
    ]),
  );
  return { ...spec, members };
}

/** The resources of a fleet, with the bundles built and stored, as the program would declare them. */
export async function declare(spec: Spec): Promise<Declared[]> {
  const scope = {
    project: spec.project,
    stack: spec.stack,
    home: join(spec.home, ".fleet"),
    build: join(spec.home, "build"),
    ...(spec.ledger === undefined ? {} : { ledger: spec.ledger }),
  };
  const common = { scope, network: spec.network };
  const timeoutSeconds = spec.timeoutSeconds ?? 30;
  const targetOf = (name: string, outputs: Record<string, unknown>) => ({
    name,
    processId: outputs.processId,
    generation: outputs.generation,
  });
  const resources: Declared[] = [];
  const declaration: Record<string, Record<string, unknown>> = {};
  for (const [name, member] of Object.entries(spec.members)) {
    const made = await bundleOf(spec, name, member.script ?? {});
    const modules = Object.fromEntries(made.modules.map((module) => [module.name, module.hash]));
    const { dependsOn = [], peers = [], config } = member;
    declaration[name] = {
      entry: "process.lua",
      sourceHash: made.hash,
      version: "1.0.0",
      module: spec.module,
      dependsOn,
      peers,
      config: config === undefined ? {} : { PROCESS_CONFIG: config },
      modules,
      bytes: made.bytes,
    };
    resources.push({
      kind: "process",
      name,
      after: dependsOn,
      inputs: () => ({
        ...common,
        name,
        version: "1.0.0",
        module: spec.module,
        dependencies: dependsOn,
        bundle: { hash: made.hash, bytes: made.bytes, entry: "process.lua", modules },
        healthCheck: { timeoutSeconds, intervalSeconds: 0.05, retries: 1, ...spec.health },
        timeoutSeconds,
        ...member.extra,
      }),
    });
    if (config !== undefined)
      resources.push({
        kind: "config-bundle",
        name: `${name}-config`,
        after: [name],
        inputs: (outputs) => ({
          ...common,
          name: `${name}-config`,
          configType: "PROCESS_CONFIG",
          configData: config,
          targets: [targetOf(name, outputs(name))],
          timeoutSeconds,
        }),
      });
    if (peers.length > 0)
      resources.push({
        kind: "wiring",
        name: `${name}-wiring`,
        after: [name, ...peers, ...(config === undefined ? [] : [`${name}-config`])],
        inputs: (outputs) => ({
          ...common,
          target: targetOf(name, outputs(name)),
          peers: Object.fromEntries(peers.map((peer) => [peer, outputs(peer).processId])),
          timeoutSeconds,
        }),
      });
  }
  const others = resources.filter(({ kind }) => kind !== "process").map(({ name }) => name);
  resources.push({
    kind: "release",
    name: "release",
    after: [...Object.keys(spec.members), ...others],
    inputs: (outputs) => ({
      ...common,
      declaration,
      members: Object.fromEntries(
        Object.keys(spec.members).map((name) => {
          const { processId, generation, revision } = outputs(name);
          return [name, { processId, generation, evalId: (revision as { evalId: string }).evalId }];
        }),
      ),
      evidence: Object.fromEntries(
        others.map((name) => [name, `v${outputs(name).version ?? ""} ${outputs(name).hash}`]),
      ),
      timeoutSeconds,
    }),
  });
  return resources;
}

async function bundleOf(spec: Spec, name: string, script: Script) {
  // A folder for each text: two concurrent runs must not overwrite each other's.
  const root = join(spec.home, "src", `${name}-${hashOf(script).slice(0, 12)}`);
  await mkdir(root, { recursive: true });
  const text = `fleet.process{ name = "${name}", processType = "${name.toUpperCase().replaceAll("-", "_")}", version = "1.0.0", capabilities = {} }\n--[[sim: ${JSON.stringify(script)}]]\n`;
  await writeFile(join(root, "process.lua"), `local s = [==[\n${text}]==]\n${text}return s\n`);
  const made = await bundle({ name, entry: "process.lua", root });
  await store(join(spec.home, ".fleet", "bundles")).put(made);
  return made;
}
