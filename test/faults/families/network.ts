import { readFile } from "node:fs/promises";
import { endRun, sessionFor } from "../../../providers/run/session.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { awaitHealthy } from "../../../src/fleet/health/probe.ts";
import { HealthPolicySchema } from "../../../src/fleet/health/schema.ts";
import type { Expected } from "../../../src/fleet/health/verdict.ts";
import { anyFault, type Simnet } from "../../simnet/index.ts";
import { rngOf } from "../../simnet/rng.ts";
import { type FaultCase, failuresOf, type Lab } from "../case.ts";
import { Engine, type RunResult } from "../engine.ts";
import { declare, edited, LEDGER, type Spec, smallFleet } from "../spec.ts";

/** A ledger and one service: enough to see one message become two. */
const pair = (net: Simnet, home: string, change: Partial<Spec> = {}): Spec =>
  smallFleet(net, home, {
    members: { [LEDGER]: {}, battle: { config: { maxConcurrentRequests: 100 } } },
    ...change,
  });

/** N1: every message is accepted, and the first `lost` answers to it are lost. */
export function answersLost(lost: number): FaultCase {
  return {
    family: "N1",
    name: `${lost} answers lost`,
    async run(lab) {
      const net = await lab.network();
      const spec = pair(net, await lab.folder(), { timeoutSeconds: 120 });
      const tries = new Map<string, number>();
      net.faults.add({
        on: "mu.post",
        match: ({ messageId = "" }) => {
          const count = (tries.get(messageId) ?? 0) + 1;
          tries.set(messageId, count);
          return count <= lost;
        },
        fault: { kind: "loseAnswer" },
      });
      const result = await lab.recovering(() => new Engine(spec).up());
      net.faults.clear();
      return [...failuresOf("up", result), ...(await lab.check(spec, net))];
    },
  };
}

/** N2: a share of all calls fails, each in one of ten ways. */
export function callsFail(percent: number, seed: number): FaultCase {
  return {
    family: "N2",
    name: `${percent} % of calls, seed ${seed}`,
    seed,
    async run(lab) {
      const net = await lab.network();
      const spec = pair(net, await lab.folder(), { timeoutSeconds: percent > 20 ? 20 : 120 });
      for (const rule of anyFault("*", percent / 100)) net.faults.add(rule);
      const result = await new Engine(spec).up();
      net.faults.clear();
      const broken = percent > 20 ? await cleanly(spec, net, result) : failuresOf("up", result);
      const back = await lab.recovering(() => new Engine(spec).up());
      return [...broken, ...failuresOf("recovery", back), ...(await lab.check(spec, net))];
    },
  };
}

/** A failure explains itself, keeps the ids, and everything reported as done really exists. */
async function cleanly(spec: Spec, net: Simnet, result: RunResult): Promise<string[]> {
  const unclean = result.errors
    .filter(({ code, message }) => code === "" || !message.includes("fix:"))
    .map(({ name, message }) => `${name} failed without a code or a remedy: ${message.slice(0, 200)}`);
  const state = await new Engine(spec).state();
  const resources = (await declare(spec)).filter(({ kind }) => kind === "process");
  const wrong = resources.flatMap(({ name, inputs }) => {
    const recorded = state[name];
    if (!recorded) return [];
    const id = String(recorded.outputs.processId);
    const wanted = (inputs(() => ({})).bundle as { hash: string }).hash;
    // A spawn that a unit seemed to accept and lost is sent again, so its id may not be a process yet.
    return recorded.failed || net.oracle.state(id)?.fleet?.sourceHash === wanted
      ? []
      : [`${name} counts as healthy but does not run the declared code`];
  });
  return [...unclean, ...wrong];
}

/** N3: a process is unhealthy now and was healthy before; reads are stale, contradictory or both. */
export function staleVerdicts(trials: number, seed: number): FaultCase {
  return {
    family: "N3",
    name: `${trials} trials, seed ${seed}`,
    seed,
    async run(lab) {
      const net = await lab.network();
      const healthy = Array.from({ length: 25 }, () => "HEALTHY" as const);
      const spec = smallFleet(net, await lab.folder(), {
        members: { battle: { script: { health: [...healthy, "UNHEALTHY"] } } },
      });
      const { ledger: _, ...ledgerless } = spec;
      const engine = new Engine(ledgerless);
      const broken = failuresOf("up", await engine.up());
      const outputs: Record<string, unknown> = (await engine.state()).battle?.outputs ?? {};
      const place = { name: "battle", generation: 1, processId: String(outputs.processId) };
      const expected: Expected = {
        version: "1.0.0",
        sourceHash: (outputs.bundle as { hash: string }).hash,
      };
      const session = await sessionFor(outputs.scope as never, outputs.network as never);
      const policy = HealthPolicySchema.parse({ timeoutSeconds: 3, intervalSeconds: 0.05, retries: 0 });
      const ask = () => awaitHealthy(session, place, expected, policy, budgetOf(3));
      for (let n = 1; n < 25; n += 1) await ask();
      const rng = rngOf(seed);
      let wrong = 0;
      for (let done = 0; done < trials; done += 25) {
        const slots = 1 + Math.floor(rng.next() * 20);
        const end = net.behaviours.staleReads(slots, { result: true, share: rng.next() < 0.5 ? 1 : 0.5 });
        const verdicts = await Promise.all(Array.from({ length: Math.min(25, trials - done) }, ask));
        wrong += verdicts.filter(({ status }) => status === "HEALTHY" || status === "DEGRADED").length;
        end();
      }
      await endRun();
      lab.counts(trials);
      return wrong > 0 ? [...broken, `${wrong} of ${trials} verdicts were healthy and wrong`] : broken;
    },
  };
}

/** N4: the index lags, the units do not. */
export function indexBehind(seconds: number): FaultCase {
  return {
    family: "N4",
    name: `index ${seconds} s behind`,
    async run(lab) {
      const net = await lab.network();
      const spec = pair(net, await lab.folder());
      net.behaviours.indexLag(seconds * 1000);
      const result = await lab.recovering(() => new Engine(spec).up());
      return [...failuresOf("up", result), ...(await lab.check(spec, net))];
    },
  };
}

/** N4: the gateway, and the units with it, show a new process late; the rest of a first deployment works. */
export function gatewayBehind(seconds: number): FaultCase {
  return {
    family: "N4",
    name: `gateway ${seconds} s behind`,
    async run(lab) {
      const net = await lab.network();
      const { ledger: _, ...spec } = smallFleet(net, await lab.folder(), {
        members: { battle: {}, shop: {}, admin: {} },
        timeoutSeconds: 120,
      });
      net.behaviours.gatewayLag(seconds * 1000);
      const result = await lab.recovering(() => new Engine(spec).up());
      return [...failuresOf("up", result), ...(await lab.check(spec, net))];
    },
  };
}

/** N4: the answers to the spawns are lost, and the scheduler looks them up in a replica that is behind. */
export function schedulerBehind(seconds: number): FaultCase {
  return {
    family: "N4",
    name: `scheduler ${seconds} s behind`,
    faces: { on: ["legacy"], why: "a node has no replica" },
    async run(lab) {
      const net = await lab.network({ schedulerLagSeconds: 4 * seconds });
      const { ledger: _, ...spec } = smallFleet(net, await lab.folder(), {
        members: { battle: {}, shop: {} },
        timeoutSeconds: 120,
      });
      net.behaviours.acceptAndLoseAnswer({ on: "mu.spawn", times: 2 });
      net.behaviours.schedulerLag(seconds * 1000);
      const result = await lab.recovering(() => new Engine(spec).up());
      return [...failuresOf("up", result), ...(await lab.check(spec, net))];
    },
  };
}

/** N4: the units do not know a new process for longer than a create may take. */
export function unitsBehind(): FaultCase {
  return {
    family: "N4",
    name: "units behind beyond the budget",
    async run(lab) {
      const net = await lab.network();
      const { ledger: _, ...spec } = smallFleet(net, await lab.folder(), {
        members: { battle: {} },
        timeoutSeconds: 3,
      });
      const end = net.behaviours.gatewayLag(600_000);
      const result = await new Engine(spec).up();
      const state = await new Engine(spec).state();
      end();
      const kept = state.battle?.outputs.processId;
      const back = await lab.recovering(() => new Engine({ ...spec, timeoutSeconds: 60 }).up());
      const after = await new Engine(spec).state();
      return [
        ...(result.errors.length === 1 ? [] : ["the create did not fail cleanly"]),
        ...(kept === undefined ? ["the id was not kept"] : []),
        ...(after.battle?.outputs.processId === kept ? [] : ["another process was made"]),
        ...failuresOf("recovery", back),
        ...(await lab.check({ ...spec, timeoutSeconds: 60 }, net)),
      ];
    },
  };
}

/** An update with the usual trouble of shared units. */
export function ordinaryDay(seed: number): FaultCase {
  return {
    family: "N4",
    name: `an ordinary day, seed ${seed}`,
    seed,
    async run(lab: Lab) {
      const net = await lab.network();
      const spec = pair(net, await lab.folder(), { timeoutSeconds: 60 });
      net.behaviours.ordinaryDay({ hurry: 4, seed });
      const first = await new Engine(spec).up();
      const changed = edited(spec, ["battle"], { slow: 1 });
      const second = await lab.recovering(() => new Engine(changed).up());
      return [
        ...failuresOf("up", first),
        ...failuresOf("update", second),
        ...(await lab.check(changed, net)),
      ];
    },
  };
}

/** The wallet's JSON, for a test's own clients. */
export const walletOf = async (lab: Lab): Promise<unknown> =>
  JSON.parse(await readFile(lab.walletPath, "utf8"));
