import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { strategyProblems } from "../../src/delivery/combinations.ts";
import {
  decide,
  isSplit,
  type Position,
  phaseAt,
  requestsText,
  routesAt,
  StrategySchema,
  stepsOf,
  type Verdict,
  weightsText,
} from "../../src/delivery/index.ts";
import { FOLLOWS, MAX_FAILED_MEASUREMENTS } from "../../src/delivery/machine.ts";
import { type TrafficStrategy, TrafficStrategySchema } from "../../src/delivery/strategy.ts";
import type { Outcome } from "../../src/delivery/verdict.ts";
import type { RevisionMetrics } from "../../src/delivery/wire.ts";

const strategy = (given: object = {}) => StrategySchema.parse({ kind: "blue-green", ...given });
const verdict = (outcome: Outcome): Verdict => ({ outcome, text: `it is ${outcome}`, findings: [] });
const START: Position = { step: 0, inconclusive: 0, errors: 0 };

/** Green's shares by strategy, as `docs/concepts/rollouts.md` has them. */
const SHARES: Record<TrafficStrategy, number[]> = {
  INSTANT: [10_000],
  GRADUAL: [1000, 2500, 5000, 7500, 10_000],
  CANARY: [500, 500, 500, 10_000],
  A_B_TEST: [5000],
};

describe("steps", () => {
  it("are tested here for every strategy", () => {
    expect(Object.keys(SHARES).sort()).toEqual(TrafficStrategySchema.options.toSorted());
  });

  test.each(Object.entries(SHARES))("%s has its documented shares", (trafficStrategy, shares) => {
    const made = strategy({ trafficStrategy, intervalSeconds: 7 });
    expect(stepsOf(made)).toEqual(
      shares.map((weightBp) => ({ weightBp, intervalSeconds: 7, gate: false, mirror: false })),
    );
    expect(isSplit(made)).toBe((shares.at(-1) ?? 0) < 10_000);
  });

  it("may be declared, with their own intervals and gates", () => {
    const steps = [{ weightBp: 100, intervalSeconds: 5, gate: "manual" }, { weightBp: 10_000 }];
    expect(stepsOf(strategy({ steps }))).toEqual([
      { weightBp: 100, intervalSeconds: 5, gate: true, mirror: false },
      { weightBp: 10_000, intervalSeconds: 60, gate: false, mirror: false },
    ]);
  });

  it("are checked with the strategy, and unknown keys are reported", () => {
    expect(StrategySchema.safeParse({ kind: "blue-green", colour: "red" }).success).toBe(false);
    expect(StrategySchema.safeParse({ steps: [{ weightBp: 10_001 }] }).success).toBe(false);
    expect(StrategySchema.safeParse({ checks: [{ kind: "latency", maxMs: -1 }] }).success).toBe(false);
  });
});

describe("the next move", () => {
  const steps = stepsOf(strategy({ trafficStrategy: "CANARY" }));
  const next = (
    outcome: Outcome,
    at = START,
    given: object = {},
    command?: "promote" | "pause" | "resume" | "abort",
  ) => decide(strategy(given), steps, at, verdict(outcome), command);

  it("continues after a pass, and finishes after the last step", () => {
    expect(next("pass")).toEqual({
      move: { kind: "step", to: 1, by: "judge" },
      at: { step: 1, inconclusive: 0, errors: 0 },
    });
    expect(next("pass", { ...START, step: 3 }).move).toEqual({ kind: "finish", by: "judge" });
  });

  it("rolls back after a failure, or holds if the strategy says so", () => {
    expect(next("fail").move).toMatchObject({ kind: "back" });
    for (const given of [{ onFailure: "freeze" }, { onFailure: "hold" }, { rollbackOnFailure: false }]) {
      expect(next("fail", START, given).move).toMatchObject({ kind: "hold", why: "failed" });
      expect(next("fail", START, given, "promote").move).toMatchObject({ kind: "step" });
    }
    expect(next("fail", START, {}, "promote").move).toMatchObject({ kind: "back" });
  });

  it("holds after the given number of intervals without a verdict, and after four errors in a row", () => {
    let at = START;
    const kinds: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { move, at: after } = next("inconclusive", at);
      kinds.push(move.kind);
      at = after;
    }
    expect(kinds).toEqual(["watch", "watch", "hold"]);
    at = START;
    for (let i = 1; i < MAX_FAILED_MEASUREMENTS; i += 1) at = next("error", at).at;
    expect(next("error", at).move).toMatchObject({ kind: "hold", why: "error" });
    expect(next("pass", { ...START, errors: 3 }).at.errors).toBe(0);
  });

  it("follows a person's command: promote opens a gate, pause holds, abort rolls back", () => {
    const gated = stepsOf(strategy({ steps: [{ weightBp: 100, gate: "manual" }, { weightBp: 10_000 }] }));
    const at = (outcome: Outcome, command?: "promote" | "pause" | "abort") =>
      decide(strategy(), gated, START, verdict(outcome), command).move;
    expect(at("pass")).toMatchObject({ kind: "hold", why: "gate" });
    expect(at("pass", "promote")).toEqual({ kind: "step", to: 1, by: "judge" });
    expect(at("inconclusive", "promote")).toEqual({ kind: "step", to: 1, by: "person" });
    expect(at("pass", "pause")).toMatchObject({ kind: "hold", why: "paused" });
    expect(at("pass", "abort")).toMatchObject({ kind: "back" });
  });

  it("ends for any sequence of verdicts, lowers green's share only in a rollback, and follows the phases", () => {
    const outcome = fc.constantFrom<Outcome>("pass", "fail", "inconclusive", "error");
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 60, maxLength: 60 }), (row) => {
        let at = START;
        let phase = phaseAt(steps, 0);
        for (const each of row) {
          const { move, at: after } = next(each, at);
          if (move.kind !== "step" && move.kind !== "watch") return;
          expect(steps[after.step]?.weightBp).toBeGreaterThanOrEqual(steps[at.step]?.weightBp ?? 0);
          const now = phaseAt(steps, after.step);
          if (now !== phase) expect(FOLLOWS[phase]).toContain(now);
          [at, phase] = [after, now];
        }
        throw new Error("sixty verdicts and no end");
      }),
    );
  });
});

describe("the figures of a step", () => {
  const [green, blue, former] = ["g", "b", "f"].map((id) => id.repeat(43)) as [string, string, string];
  const none = { requests: 0, answered: 0, errors: 0, refused: 0, latencies: [] };
  const stateWith = (quote: Record<string, RevisionMetrics>) => {
    const routes = routesAt(
      { green: { processId: green, revision: "n" }, blue: { processId: blue, revision: "o" } },
      500,
    );
    const services = { quote: { key: "sender", routes } };
    const table = { release: "r2", step: 1, salt: "s", mode: "rollout" as const, at: 0, services };
    return { table, metrics: { release: "r2", step: 1, since: 0, services: { quote } } };
  };

  test("exclude a revision of an earlier rollout that only has an open request", () => {
    const left = { [former]: { ...none, open: [50_000] } };
    expect(requestsText(stateWith(left))).toBe("no requests yet");
    const asked = { ...left, [blue]: { ...none, requests: 5, answered: 5, open: [] } };
    expect(requestsText(stateWith(asked))).toBe(
      "quote gggggggg 0 requests, 0 faults; quote bbbbbbbb 5 requests, 0 faults",
    );
  });

  test("include refused requests, for whatever reason", () => {
    const asked = { [green]: { ...none, requests: 54, refused: 53, draining: 1 } };
    expect(requestsText(stateWith(asked))).toContain(
      "quote gggggggg 54 requests, 0 faults, 54 refused (1 told to ask again)",
    );
    // As a service that owns its state answers during a hand-over.
    const handing = { [blue]: { ...none, requests: 273, answered: 139, draining: 134 } };
    expect(requestsText(stateWith(handing))).toContain("0 faults, 134 refused (all told to ask again)");
  });

  test("include requests without an answer", () => {
    const asked = { [green]: { ...none, requests: 14, errors: 1, answered: 11, open: [9000, 10] } };
    expect(requestsText(stateWith(asked))).toContain(
      "quote gggggggg 14 requests, 1 fault, 2 without an answer",
    );
  });
});

describe("routes and exposure", () => {
  const green = { processId: "g".repeat(43), revision: "new" };
  const blue = { processId: "b".repeat(43), revision: "old" };

  it("give green the lowest buckets, and add up to all", () => {
    expect(routesAt({ green, blue }, 500).map(({ weightBp }) => weightBp)).toEqual([500, 9500]);
    expect(routesAt({ green, blue: green }, 500)).toEqual([{ ...green, weightBp: 10_000 }]);
    const service = { key: "sender", routes: routesAt({ green, blue }, 500) };
    expect(weightsText({ services: { battle: service } })).toBe("battle 5 % gggggggg + 95 % bbbbbbbb");
  });
});

describe("combinations", () => {
  const codes = (given: object, state: "none" | "partitioned" | "owned" = "none", more: object = {}) =>
    strategyProblems(StrategySchema.parse(given), { services: { battle: { state } }, ...more }).map(
      ({ code }) => code,
    );

  const SUM = { kind: "invariant", name: "gold", service: "battle", action: "SUM", path: "sum" } as const;

  test.each([
    [{ kind: "sequential", trafficStrategy: "CANARY" }, "none", ["TRAFFIC_NEEDS_BLUE_GREEN"]],
    [{ kind: "parallel", maxParallel: 2 }, "none", ["ROLLING_ONLY"]],
    [{ kind: "rolling", maxParallel: 2 }, "none", []],
    [{ kind: "blue-green" }, "owned", []],
    [{ kind: "blue-green", trafficStrategy: "CANARY" }, "owned", ["STATE_OWNED_SPLIT"]],
    [{ kind: "blue-green", trafficStrategy: "A_B_TEST" }, "owned", ["STATE_OWNED_SPLIT"]],
    [{ kind: "blue-green", trafficStrategy: "GRADUAL" }, "partitioned", []],
    [{ kind: "blue-green", trafficStrategy: "A_B_TEST" }, "partitioned", ["STATE_PARTITIONED_SPLIT"]],
    [{ kind: "blue-green", trafficStrategy: "GRADUAL" }, "none", []],
    [
      { kind: "blue-green", steps: [{ weightBp: 500 }, { weightBp: 100 }] },
      "none",
      ["STEPS_FALL", "STEPS_END_EARLY"],
    ],
    [
      { kind: "blue-green", trafficStrategy: "A_B_TEST", steps: [{ weightBp: 10_000 }] },
      "none",
      ["STEPS_NOT_SPLIT"],
    ],
    [{ kind: "blue-green", steps: [{ weightBp: 0, mirror: true }, { weightBp: 10_000 }] }, "none", []],
    [
      { kind: "blue-green", steps: [{ weightBp: 0, mirror: true }, { weightBp: 10_000 }] },
      "owned",
      ["MIRROR_HAS_EFFECTS"],
    ],
    [{ kind: "blue-green", steps: [{ weightBp: 10_000, mirror: true }] }, "none", ["MIRROR_LAST"]],
    [
      { kind: "blue-green", trafficStrategy: "GRADUAL", checks: [SUM] },
      "partitioned",
      ["INVARIANT_OF_A_PART"],
    ],
    [{ kind: "blue-green", trafficStrategy: "GRADUAL", checks: [SUM] }, "none", []],
    [{ kind: "blue-green", trafficStrategy: "INSTANT", checks: [SUM] }, "partitioned", []],
  ] as const)("%j with state %s", (given, state, expected) => {
    expect(codes(given, state)).toEqual(expected);
  });

  it("name the strategies that end with all traffic on green instead of a permanent split of partitioned state", () => {
    const [problem] = strategyProblems(
      StrategySchema.parse({ kind: "blue-green", trafficStrategy: "A_B_TEST" }),
      { services: { battle: { state: "partitioned" } } },
    );
    const complete = TrafficStrategySchema.options.filter(
      (trafficStrategy) => !isSplit(StrategySchema.parse({ kind: "blue-green", trafficStrategy })),
    );
    expect(complete).toContain("CANARY");
    expect(problem?.expected).toBe(`a strategy that ends at 100 %: ${complete.join(", ")}`);
  });

  it("refuse a mirror that calls anything but the router", () => {
    const given = StrategySchema.parse({
      kind: "blue-green",
      steps: [{ weightBp: 0, mirror: true }, { weightBp: 10_000 }],
    });
    const problems = (peers: string[]) =>
      strategyProblems(given, { services: { battle: { state: "none", peers } }, router: "coordinator" });
    expect(problems(["coordinator"])).toEqual([]);
    expect(problems(["coordinator", "shop"])).toMatchObject([
      { code: "MIRROR_HAS_EFFECTS", got: "peers shop" },
    ]);
  });

  it("keep the router and adopted members in place, probe only what moves, and report everything at once", () => {
    const given = {
      kind: "blue-green",
      trafficStrategy: "CANARY",
      maxParallel: 2,
      checks: [{ kind: "probe", name: "p", service: "shop", action: "X", expect: {} }],
    };
    expect(codes(given, "owned", { router: "battle", adopted: ["battle"] })).toEqual([
      "ROLLING_ONLY",
      "STATE_OWNED_SPLIT",
      "ROUTER_IN_PLACE",
      "ADOPTED_IN_PLACE",
      "PROBE_UNKNOWN_SERVICE",
    ]);
  });
});
