/** How often the judge is wrong, by seeded trials: equal revisions that it condemns, bad ones that it lets pass. */
import { expect, test } from "vitest";
import { judge } from "../../delivery/judge.ts";
import { StrategySchema } from "../../delivery/strategy.ts";

/** Numbers from 0 to 1 from a seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Side {
  readonly requests: number;
  readonly errorRate: number;
  /** Median, ms; latencies are log-normal. */
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
  const next = random(seed);
  const outcomes = { pass: 0, fail: 0, inconclusive: 0, error: 0 };
  for (let i = 0; i < n; i += 1) {
    const services = { battle: { green: sample(next, green), blue: sample(next, blue) } };
    outcomes[judge(CHECKS, { services }).outcome] += 1;
  }
  return { ...outcomes, n };
}

const GOOD = { errorRate: 0.01, ms: 200 };

test.each([
  ["A/A, 950 beside 50", { ...GOOD, requests: 950 }, { ...GOOD, requests: 50 }],
  ["A/A, 200 beside 200", { ...GOOD, requests: 200 }, { ...GOOD, requests: 200 }],
  [
    "A/A with 4 % faults on both",
    { requests: 300, errorRate: 0.04, ms: 200 },
    { requests: 300, errorRate: 0.04, ms: 200 },
  ],
])("%s: at most 1 in 100 is condemned", (what, blue, green) => {
  const result = trials(7, blue, green);
  console.log(
    `${what}: condemned ${result.fail} of ${result.n} (${((100 * result.fail) / result.n).toFixed(1)} %), open ${result.inconclusive}`,
  );
  expect(result.fail / result.n).toBeLessThanOrEqual(0.01);
  expect(result.error).toBe(0);
});

test.each([
  ["A/B, every second fails", { requests: 50, errorRate: 0.5, ms: 200 }, 0],
  ["A/B, a fifth fails", { requests: 50, errorRate: 0.2, ms: 200 }, 0.05],
  ["A/B, a tenth fails, many callers", { requests: 300, errorRate: 0.1, ms: 200 }, 0.05],
  ["A/B, twice as slow", { requests: 100, errorRate: 0.01, ms: 400 }, 0.01],
  ["A/B, half as slow again", { requests: 200, errorRate: 0.01, ms: 300 }, 0.1],
])("%s: passes at most so often (%#)", (what, green, bound) => {
  const result = trials(11, { ...GOOD, requests: 900 }, green);
  console.log(
    `${what}: missed ${result.pass} of ${result.n} (${((100 * result.pass) / result.n).toFixed(1)} %), open ${result.inconclusive}`,
  );
  expect(result.pass / result.n).toBeLessThanOrEqual(bound);
});

/** Steps of a rollout, and how often each may be watched: the looks that one rollout may take. */
const [STEPS, LOOKS] = [5, 15];

test.each([
  ["A/A, a rollout of five steps", GOOD, { max: 0.01, least: "pass" }],
  ["A/B, a rollout of five steps, a fifth fails", { errorRate: 0.2, ms: 200 }, { max: 0, least: "fail" }],
] as const)("%s: as often right as a single look", (what, green, { max, least }) => {
  const next = random(13);
  const ends = { pass: 0, fail: 0, open: 0 };
  for (let n = 0; n < 500; n += 1) {
    let outcome = "pass";
    for (let step = 0; step < STEPS && outcome === "pass"; step += 1) {
      const services = {
        battle: {
          green: sample(next, { ...green, requests: 100 }),
          blue: sample(next, { ...GOOD, requests: 400 }),
          beside: true,
        },
      };
      outcome = judge(CHECKS, { services }, LOOKS).outcome;
    }
    ends[outcome === "pass" || outcome === "fail" ? outcome : "open"] += 1;
  }
  console.log(`${what}: ${ends.pass} came through, ${ends.fail} went back, ${ends.open} were left open`);
  expect(least === "pass" ? ends.fail / 500 : ends.pass / 500).toBeLessThanOrEqual(max);
});

test("a bad revision that few callers get does not pass because it answers Info", () => {
  const next = random(17);
  const passes = { info: 0, declared: 0 };
  for (let n = 0; n < 500; n += 1) {
    const green = sample(next, { requests: 5, errorRate: 0.2, ms: 200 });
    const blue = sample(next, { ...GOOD, requests: 95 });
    // What the service declares fails as often as its callers' requests do.
    const failed = Array.from({ length: 25 }, () => next() < 0.2).filter(Boolean).length;
    const judged = (probes: object) =>
      judge([...CHECKS].slice(0, 1), { services: { battle: { green, blue, beside: true, probes } as never } })
        .outcome;
    if (judged({ sent: 25, failed: 0 }) === "pass") passes.info += 1;
    if (judged({ sent: 25, failed, declared: true }) === "pass") passes.declared += 1;
  }
  console.log(
    `few callers: ${passes.info} of 500 passed by Info probes, ${passes.declared} by declared ones`,
  );
  expect(passes.info).toBe(0);
  expect(passes.declared / 500).toBeLessThanOrEqual(0.05);
});
