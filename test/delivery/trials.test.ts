/** How often the judge is wrong, by seeded trials: equal revisions that it fails, bad ones that it passes. */
import { expect, test } from "vitest";
import { judge } from "../../src/delivery/judge.ts";
import { decide, type Position } from "../../src/delivery/machine.ts";
import { stepsOf } from "../../src/delivery/steps.ts";
import { ALL_TRAFFIC_BP, StrategySchema, type TrafficStrategy } from "../../src/delivery/strategy.ts";
import { rngOf } from "../simnet/rng.ts";

interface Side {
  readonly requests: number;
  readonly errorRate: number;
  /** Median in ms; latencies are log-normal. */
  readonly ms: number;
}

function sample(next: () => number, { requests, errorRate, ms }: Side) {
  let errors = 0;
  const latencies: number[] = [];
  for (let i = 0; i < requests; i += 1) {
    if (next() < errorRate) errors += 1;
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    latencies.push(Math.round(ms * Math.exp(0.5 * normal)));
  }
  return { requests, answered: requests - errors, errors, refused: 0, latencies: latencies.slice(-256) };
}

const CHECKS = StrategySchema.parse({
  checks: [{ kind: "errorRate" }, { kind: "refusals" }, { kind: "latency" }],
}).checks;

function trials(seed: number, blue: Side, green: Side, n = 500) {
  const { next } = rngOf(seed);
  const outcomes = { pass: 0, fail: 0, inconclusive: 0, error: 0 };
  for (let i = 0; i < n; i += 1) {
    const services = { battle: { green: sample(next, green), blue: sample(next, blue) } };
    outcomes[judge(CHECKS, { services }).outcome] += 1;
  }
  return { ...outcomes, n };
}

const GOOD = { errorRate: 0.01, ms: 200 };

test.each([
  ["A/A, 950 against 50", { ...GOOD, requests: 950 }, { ...GOOD, requests: 50 }],
  ["A/A, 200 against 200", { ...GOOD, requests: 200 }, { ...GOOD, requests: 200 }],
  [
    "A/A with 4 % faults on both sides",
    { requests: 300, errorRate: 0.04, ms: 200 },
    { requests: 300, errorRate: 0.04, ms: 200 },
  ],
])("%s: fails at most 1 in 100", (what, blue, green) => {
  const result = trials(7, blue, green);
  console.log(
    `${what}: condemned ${result.fail} of ${result.n} (${((100 * result.fail) / result.n).toFixed(1)} %), open ${result.inconclusive}`,
  );
  expect(result.fail / result.n).toBeLessThanOrEqual(0.01);
  expect(result.error).toBe(0);
});

test.each([
  ["A/B, every second request fails", { requests: 50, errorRate: 0.5, ms: 200 }, 0],
  ["A/B, a fifth fails", { requests: 50, errorRate: 0.2, ms: 200 }, 0.05],
  ["A/B, a tenth fails, many callers", { requests: 300, errorRate: 0.1, ms: 200 }, 0.05],
  ["A/B, twice as slow", { requests: 100, errorRate: 0.01, ms: 400 }, 0.01],
  ["A/B, half again as slow", { requests: 200, errorRate: 0.01, ms: 300 }, 0.1],
])("%s: passes at most the given share (%#)", (what, green, bound) => {
  const result = trials(11, { ...GOOD, requests: 900 }, green);
  console.log(
    `${what}: missed ${result.pass} of ${result.n} (${((100 * result.pass) / result.n).toFixed(1)} %), open ${result.inconclusive}`,
  );
  expect(result.pass / result.n).toBeLessThanOrEqual(bound);
});

test.each([
  ["1 request of blue", 1, 0.3],
  ["5 requests of blue", 5, 0.3],
  ["21 requests of blue", 21, 0.1],
  ["29 requests of blue", 29, 0.5],
])(
  "A/A, both refuse the same share, %s against 54: fails at most 1 in 100, holds none",
  (_what, n, share) => {
    const { next } = rngOf(23);
    const side = (requests: number) => {
      const refused = Array.from({ length: requests }, () => next() < share).filter(Boolean).length;
      return { requests, answered: requests - refused, errors: 0, refused, latencies: [] };
    };
    const checks = StrategySchema.parse({ checks: [{ kind: "errorRate" }, { kind: "refusals" }] }).checks;
    const outcomes = { pass: 0, fail: 0, inconclusive: 0, error: 0 };
    for (let i = 0; i < 500; i += 1)
      outcomes[judge(checks, { services: { battle: { green: side(54), blue: side(n) } } }).outcome] += 1;
    expect(outcomes.fail / 500).toBeLessThanOrEqual(0.01);
    expect(outcomes.inconclusive).toBe(0);
  },
);

/** Steps of a rollout, and how often each may be judged. */
const [STEPS, LOOKS] = [5, 15];

test.each([
  ["A/A, a rollout of five steps", GOOD, { max: 0.01, least: "pass" }],
  ["A/B, a rollout of five steps, a fifth fails", { errorRate: 0.2, ms: 200 }, { max: 0, least: "fail" }],
] as const)("%s: right as often as a single evaluation", (what, green, { max, least }) => {
  const { next } = rngOf(13);
  const ends = { pass: 0, fail: 0, open: 0 };
  for (let n = 0; n < 500; n += 1) {
    let outcome = "pass";
    for (let step = 0; step < STEPS && outcome === "pass"; step += 1) {
      const services = {
        battle: {
          green: sample(next, { ...green, requests: 100 }),
          blue: sample(next, { ...GOOD, requests: 400 }),
          isBlueCurrent: true,
        },
      };
      outcome = judge(CHECKS, { services }, { looks: LOOKS }).outcome;
    }
    ends[outcome === "pass" || outcome === "fail" ? outcome : "open"] += 1;
  }
  console.log(`${what}: ${ends.pass} came through, ${ends.fail} went back, ${ends.open} were left open`);
  expect(least === "pass" ? ends.fail / 500 : ends.pass / 500).toBeLessThanOrEqual(max);
});

/** How a revision answers a request of a caller or of a declared probe. */
interface Quality {
  /** Share of requests that fail. */
  readonly fails: number;
  /** Share of requests that are never answered: a fault in the next interval, after the time-out. */
  readonly hangs: number;
}

interface Use {
  readonly strategy: TrafficStrategy;
  /** Average number of callers' requests in an interval, to both revisions. */
  readonly callers: number;
  readonly declared: boolean;
  /** @default the strategy's own */
  readonly checks?: readonly object[];
}

const _NONE = { requests: 0, answered: 0, errors: 0, refused: 0, latencies: [] };

/** The length of an interval, and the time of an answer: some of an interval's requests are still open at its end. */
const [INTERVAL_MS, TAKES_MS] = [60_000, 3_000];

/** The requests to a revision since its step began, for a step that is judged repeatedly. */
class Counter {
  requests = 0;
  answered = 0;
  errors = 0;
  readonly refused = 0;
  readonly latencies: number[] = [];
  /** Ages of the requests without an answer, as the router reports them. */
  open: number[] = [];
  #underWay = { good: 0, bad: 0 };
  readonly #next: () => number;
  readonly #quality: Quality;

  constructor(next: () => number, quality: Quality) {
    [this.#next, this.#quality] = [next, quality];
  }

  /** An interval with this number of requests; those of the one before have ended. */
  pass(requests: number): void {
    this.requests += requests;
    this.answered += this.#underWay.good;
    this.errors += this.#underWay.bad;
    this.#underWay = { good: 0, bad: 0 };
    this.open = [];
    for (let i = 0; i < requests; i += 1) {
      const hangs = this.#next() < this.#quality.hangs;
      const isBad = hangs || this.#next() < this.#quality.fails;
      const isUnderWay = hangs || this.#next() < TAKES_MS / INTERVAL_MS;
      if (isUnderWay) {
        this.#underWay[isBad ? "bad" : "good"] += 1;
        this.open.push(hangs ? INTERVAL_MS / 2 : TAKES_MS / 2);
      } else if (isBad) this.errors += 1;
      else this.answered += 1;
      if (!isUnderWay && this.latencies.length < 256) this.latencies.push(TAKES_MS);
    }
  }
}

/** One rollout by the rules of `RolloutRun`: figures add up while a step is extended, and start again at the next. */
function rollout(next: () => number, use: Use, quality: Quality): "through" | "back" | "held" {
  const strategy = StrategySchema.parse({
    kind: "blue-green",
    trafficStrategy: use.strategy,
    ...(use.checks === undefined ? {} : { checks: use.checks }),
  });
  const checks = strategy.checks.filter(({ kind }) => kind !== "health");
  const steps = stepsOf(strategy);
  const looks = steps.length * strategy.maxInconclusive;
  const fresh = () => ({ green: new Counter(next, quality), blue: new Counter(next, BLUE) });
  let before = new Counter(next, BLUE);
  before.pass(use.callers * 10);
  let { green, blue } = fresh();
  let at: Position = { step: 0, inconclusive: 0, errors: 0 };
  for (let watched = 1; ; watched += 1) {
    const share = (steps[at.step]?.weightBp ?? 0) / ALL_TRAFFIC_BP;
    const [toGreen, toBlue] = arrivals(next, use.callers, share);
    green.pass(toGreen);
    blue.pass(toBlue);
    const hasBlue = blue.requests > 0;
    const sent = Math.max(0, strategy.probes - green.answered - green.errors);
    const bad = use.declared ? quality.fails + quality.hangs : 0;
    const failed = Array.from({ length: sent }, () => next() < bad).filter(Boolean).length;
    const probes = sent > 0 ? { sent, failed, declared: use.declared } : undefined;
    const battle = {
      green: { ...green },
      blue: { ...(hasBlue ? blue : before) },
      isBlueCurrent: hasBlue,
      ms: watched * INTERVAL_MS,
      intervalMs: INTERVAL_MS,
      probes,
    };
    const isLast = at.inconclusive + 1 >= strategy.maxInconclusive;
    const verdict = judge(checks, { services: { battle } }, { looks, isLast });
    const { move, at: to } = decide(strategy, steps, at, verdict);
    at = to;
    if (move.kind === "finish") return "through";
    if (move.kind === "back") return "back";
    if (move.kind === "hold") return "held";
    if (move.kind === "watch") continue;
    before = hasBlue ? blue : before;
    ({ green, blue } = fresh());
    watched = 0;
  }
}

const BLUE: Quality = { fails: 0.01, hangs: 0 };

/** Requests of an interval to green and to blue, around the average (a Poisson process in small pieces). */
function arrivals(next: () => number, callers: number, share: number): [number, number] {
  let [green, blue] = [0, 0];
  for (let i = 0; i < callers * 20; i += 1) {
    if (next() >= 1 / 20) continue;
    if (next() < share) green += 1;
    else blue += 1;
  }
  return [green, blue];
}

const QUALITIES = {
  good: BLUE,
  "a fifth fails": { fails: 0.2, hangs: 0 },
  "a fifth hangs": { fails: 0, hangs: 0.2 },
  "all hang": { fails: 0, hangs: 1 },
} as const;

function rollouts(use: Use, quality: keyof typeof QUALITIES) {
  const { next } = rngOf(13);
  const ends = { through: 0, back: 0, held: 0 };
  for (let n = 0; n < 500; n += 1) ends[rollout(next, use, QUALITIES[quality])] += 1;
  const how = `${use.strategy}, ${use.callers} callers an interval, ${use.declared ? "declared" : "Info"} probes`;
  console.log(
    `${how}, ${quality}: ${ends.through} through, ${ends.back} went back, ${ends.held} held (of 500)`,
  );
  return ends;
}

const CELLS = (["INSTANT", "CANARY", "GRADUAL"] as const).flatMap((strategy) =>
  [false, true].flatMap((declared) =>
    [0, 5, 20, 100, 1000].map((callers) => ({ strategy, callers, declared })),
  ),
);

test.each(CELLS)("whole rollouts: $strategy, $callers callers, declared $declared", (use) => {
  const good = rollouts(use, "good");
  // With too little data a person decides: no good release is rolled back for it.
  expect(good.back / 500).toBeLessThanOrEqual(0.01);
  if (use.declared || use.callers === 0 || use.callers === 1000)
    expect(good.through / 500).toBeGreaterThanOrEqual(0.96);
  // Without callers and without declared probes nothing can be known.
  if (use.callers === 0 && !use.declared) return;
  expect(rollouts(use, "a fifth fails").through / 500).toBeLessThanOrEqual(0.05);
  // A hanging request becomes a fault one interval later than a failing one.
  expect(rollouts(use, "a fifth hangs").through / 500).toBeLessThanOrEqual(0.12);
  expect(rollouts(use, "all hang").through).toBe(0);
});

test.each([
  ["INSTANT", 0, true, "held"],
  ["CANARY", 0, false, "held"],
  ["CANARY", 0, true, "held"],
  ["CANARY", 20, true, "held"],
  ["CANARY", 1000, false, "through"],
] as const)(
  "whole rollouts with a latency check: %s, %i callers, declared %s: a healthy release ends %s",
  (strategy, callers, declared, end) => {
    const checks = [{ kind: "errorRate" }, { kind: "latency" }];
    const ends = rollouts({ strategy, callers, declared, checks }, "good");
    // Probes are not timed: without callers a person decides.
    expect(ends[end] / 500).toBeGreaterThanOrEqual(0.96);
    expect(ends.back / 500).toBeLessThanOrEqual(0.01);
  },
);

test.each([1, 2, 5, 15, 45, 90, 600])(
  "whole rollouts: a program whose handler raises an error never passes, with one caller and intervals of %i s",
  (seconds) => {
    const { next } = rngOf(17);
    const ends = { through: 0, back: 0, held: 0 };
    for (let n = 0; n < 500; n += 1) ends[oneCaller(next, seconds)] += 1;
    console.log(
      `INSTANT, 1 caller, Info probes, all raise, ${seconds} s: ${ends.through} through, ${ends.back} went back, ${ends.held} held (of 500)`,
    );
    expect(ends.through).toBe(0);
  },
);

/** The router's time-out for a forwarded request, in seconds, and the caller's longest pause between two requests. */
const [PATIENCE, PAUSE] = [60, 10];

/** One caller who calls green again after each time-out; green answers Info and nothing else. */
function oneCaller(next: () => number, intervalSeconds: number): "through" | "back" | "held" {
  const strategy = StrategySchema.parse({ kind: "blue-green", intervalSeconds });
  const checks = strategy.checks.filter(({ kind }) => kind !== "health");
  const steps = stepsOf(strategy);
  const looks = steps.length * strategy.maxInconclusive;
  const before = { requests: 20, answered: 20, errors: 0, refused: 0, latencies: [] };
  // Calls in the first interval, because a revision that nobody called cannot be judged.
  let [errors, asked] = [0, next() * Math.min(PAUSE, intervalSeconds)];
  let at: Position = { step: 0, inconclusive: 0, errors: 0 };
  for (let now = intervalSeconds; ; now += intervalSeconds) {
    for (; asked + PATIENCE <= now; asked += PATIENCE + next() * PAUSE) errors += 1;
    const open = asked <= now ? [(now - asked) * 1000] : [];
    const green = { requests: errors + open.length, answered: 0, errors, refused: 0, latencies: [], open };
    const probes = { sent: Math.max(0, strategy.probes - errors), failed: 0 };
    const token = { green, blue: before, ms: now * 1000, intervalMs: intervalSeconds * 1000, probes };
    const isLast = at.inconclusive + 1 >= strategy.maxInconclusive;
    const decided = decide(strategy, steps, at, judge(checks, { services: { token } }, { looks, isLast }));
    at = decided.at;
    if (decided.move.kind === "finish") return "through";
    if (decided.move.kind === "back") return "back";
    if (decided.move.kind === "hold") return "held";
  }
}
