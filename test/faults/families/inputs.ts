import fc from "fast-check";
import luaparse from "luaparse";
import { planFleet } from "../../../components/plan.ts";
import * as configBundle from "../../../providers/config-bundle/lifecycle.ts";
import * as processes from "../../../providers/process/lifecycle.ts";
import * as release from "../../../providers/release/lifecycle.ts";
import * as wiring from "../../../providers/wiring/lifecycle.ts";
import { FleetError } from "../../../src/core/errors.ts";
import { composeProgram } from "../../../src/fleet/code/program.ts";
import type { FaultCase } from "../case.ts";
import { declare, smallFleet } from "../spec.ts";

type Raw = Record<string, unknown>;

/** Values that replace valid ones. */
const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  "",
  'x") os.execute("rm -rf /") --',
  "]] .. error('x') .. [[",
  "../../../etc/passwd",
  "\u0000\u202e\ud800 ﷽",
  "x".repeat(10_000_000),
  [],
  {},
  [[[]]],
  { __proto__: null, constructor: "x" },
];

function pathsOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [at];
  const own = Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...at, key]));
  return at.length === 0 ? own : [at, ...own];
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = Array.isArray(value)
    ? (structuredClone(value) as unknown as Record<string, unknown>)
    : { ...(value as Record<string, unknown>) };
  copy[key] = replaced((value as Record<string, unknown>)[key], rest, by);
  if (by === undefined && rest.length === 0) delete copy[key];
  return copy;
}

const CHECKS = {
  process: processes.check,
  "config-bundle": configBundle.check,
  wiring: wiring.check,
  release: release.check,
} as const;

/** The statements of a load whose program is one assignment: an injection would add or change one. */
const WHOLE_LOAD = {
  // The guard, the program, and the commit.
  legacy: [
    ...["LocalStatement", "ForGenericStatement", "LocalStatement", "IfStatement"],
    ...["AssignmentStatement", "LocalStatement", "ReturnStatement"],
  ].join(),
  // The same, with a guard against a load that is evaluated again.
  mainnet: [
    ...["LocalStatement", "ForGenericStatement", "LocalStatement", "IfStatement"],
    ...["LocalStatement", "IfStatement"],
    ...["AssignmentStatement", "LocalStatement", "ReturnStatement"],
  ].join(),
};

/** B1: every field of every resource's inputs, replaced by every invalid value. */
export function everyField(kind: keyof typeof CHECKS): FaultCase {
  return {
    family: "B1",
    name: `every field of a ${kind}`,
    async run(lab) {
      const net = await lab.network();
      const resource = (await declare(smallFleet(net, await lab.folder()))).find((one) => one.kind === kind);
      if (!resource) throw new Error(`no ${kind}`);
      const id = "A".repeat(43);
      const outputs = { processId: id, generation: 1, hash: "h", version: 1, revision: { evalId: id } };
      const good = resource.inputs(() => outputs);
      const broken: string[] = [];
      let trials = 0;
      const { failures } = await CHECKS[kind]({}, good);
      if (failures.length > 0) broken.push(`good inputs are refused: ${JSON.stringify(failures)}`);
      for (const path of pathsOf(good))
        for (const value of HOSTILE) {
          trials += 1;
          const raw = replaced(good, path, value) as Raw;
          try {
            const { failures: found } = await CHECKS[kind]({}, raw);
            const named = found.every(({ property }) => property.split(".")[0] === path[0]);
            if (!named)
              broken.push(`${path.join(".")}: the failures name ${found.map(({ property }) => property)}`);
            const long = found.find(({ reason }) => reason.length > 2_000);
            if (long) broken.push(`${path.join(".")}: a reason of ${long.reason.length} characters`);
          } catch (error) {
            broken.push(`${path.join(".")}: threw ${String(error).slice(0, 200)}`);
          }
        }
      lab.counts(trials);
      if (net.faults.calls("mu.post") > 0) broken.push("something was sent");
      return broken;
    },
  };
}

/** B1: every field of a declaration, as a person writes it. */
export function everyDeclaredField(): FaultCase {
  return {
    family: "B1",
    name: "every field of a declaration",
    async run(lab) {
      const folder = await lab.folder();
      const good = {
        network: {
          legacy: { kind: "local", dir: ".fleet/localnet" },
          mainnet: { kind: "mainnet", nodeUrl: "http://127.0.0.1:9", gatewayUrl: "http://127.0.0.1:9" },
        }[lab.face],
        module: "aos",
        version: "1.0.0",
        health: { timeoutSeconds: 1, intervalSeconds: 1, retries: 1, maxResponseMs: 1 },
        timeoutSeconds: 10,
        ledger: "one",
        only: ["one"],
        protect: false,
        processes: {
          one: {
            source: "does-not-exist.lua",
            dependsOn: ["two"],
            peers: ["two"],
            config: { PROCESS_CONFIG: { maxConcurrentRequests: 1, requestTimeout: 1, enableMetrics: true } },
            tags: { Team: "x" },
            lib: true,
            silence: {},
          },
          two: { source: "does-not-exist.lua" },
        },
      };
      const broken: string[] = [];
      let trials = 0;
      for (const path of pathsOf(good))
        for (const value of HOSTILE) {
          trials += 1;
          const raw = replaced(good, path, value);
          try {
            await planFleet(raw, { home: folder, build: folder }, () => undefined);
          } catch (error) {
            if (!(error instanceof FleetError))
              broken.push(
                `${path.join(".")} = ${String(JSON.stringify(value)).slice(0, 40)}: threw ${String(error).slice(0, 200)}`,
              );
            else if (error.message.length > 20_000)
              broken.push(`${path.join(".")}: ${error.message.length} characters`);
          }
        }
      lab.counts(trials);
      return broken;
    },
  };
}

/** B1: whatever a name, a version or a release contains, the program's commit is one call with exactly those values. */
export function luaInjection(runs: number, seed: number): FaultCase {
  return {
    family: "B1",
    name: `Lua injection, ${runs} texts, seed ${seed}`,
    seed,
    async run(lab) {
      const text = fc.oneof(
        fc.string({ unit: "binary", maxLength: 60 }),
        fc.constantFrom(
          ...(HOSTILE.filter((one) => typeof one === "string" && one.length < 100) as string[]),
        ),
      );
      const property = fc.property(text, text, text, (process, release, version) => {
        const about = { process, release, version, sourceHash: "h", epoch: 3 };
        const program = composeProgram("x = 1", { ...about, repeats: lab.face === "mainnet" });
        const { body } = luaparse.parse(program.text, { luaVersion: "5.3", encodingMode: "none" });
        return body.map(({ type }) => type).join() === WHOLE_LOAD[lab.face];
      });
      const outcome = fc.check(property, { numRuns: runs, seed });
      lab.counts(runs);
      return outcome.failed ? [JSON.stringify(outcome.counterexample).slice(0, 500)] : [];
    },
  };
}
