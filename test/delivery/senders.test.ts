/** What one sender decides in a judgement, and what it does not. */
import { describe, expect, it, test } from "vitest";
import { figuresOf } from "../../providers/traffic/figures.ts";
import { judge } from "../../src/delivery/judge.ts";
import { NO_REQUESTS, type ServiceMeasured } from "../../src/delivery/measurement.ts";
import { sumOfSenders, withoutFaultiest } from "../../src/delivery/senders.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import type { RevisionMetrics, SenderMetrics } from "../../src/delivery/wire.ts";
import { rngOf } from "../simnet/rng.ts";

const DEFAULTS = StrategySchema.parse({ kind: "blue-green" }).checks;
const HEALTHY = { status: "HEALTHY", reasons: [] };
const INFO = { sent: 30, failed: 0 };

type Counts = readonly [answered: number, errors?: number, refused?: number];
const own = ([answered, errors = 0, refused = 0]: Counts, latencies: number[] = []): SenderMetrics => ({
  requests: answered + errors + refused,
  answered,
  errors,
  refused,
  latencies,
  open: [],
});

/** A revision's figures from those of its senders. */
function revision(senders: Record<string, SenderMetrics>): RevisionMetrics {
  const sum = (pick: (each: SenderMetrics) => number) =>
    Object.values(senders).reduce((total, each) => total + pick(each), 0);
  return {
    requests: sum((each) => each.requests),
    answered: sum((each) => each.answered),
    errors: sum((each) => each.errors),
    refused: sum((each) => each.refused),
    latencies: Object.values(senders).flatMap((each) => each.latencies),
    senders,
  };
}
const many = (n: number, counts: Counts): Record<string, SenderMetrics> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`caller-${i}`, own(counts)]));

/** All traffic moved at once: blue's figures are those of the step before. */
function moved(green: RevisionMetrics, blue: RevisionMetrics, more: Partial<ServiceMeasured> = {}) {
  return {
    services: { quote: { green, blue, served: sumOfSenders([blue]), health: HEALTHY, ...more } },
  };
}

describe("faults of one sender", () => {
  it("do not fail a release whose old revision answers that sender the same, even if nobody else calls", () => {
    const green = revision({ stranger: own([0, 26]) });
    const blue = revision({ stranger: own([0, 19]) });
    const verdict = judge(DEFAULTS, moved(green, blue, { probes: INFO }), { looks: 3 });
    expect(verdict.text).toContain("not counted: 26 requests of one sender (stranger), 26 faults, 0 refused");
    expect(verdict.outcome).toBe("pass");
  });

  it("fail a release whose only caller was served properly before, whatever declared probes say", () => {
    const probes = { sent: 30, failed: 0, declared: true };
    const green = revision({ backend: own([0, 40]) });
    const served = judge(DEFAULTS, moved(green, revision({ backend: own([40]) }), { probes }), { looks: 3 });
    expect(served.outcome).toBe("fail");
    expect(served.text).toMatch(
      /errorRate of quote fails: green 40 faults in .*, which was served better before/,
    );
    const unknown = judge(DEFAULTS, moved(green, revision({}), { probes }), { looks: 3 });
    expect(unknown.outcome).toBe("inconclusive");
  });

  test.each([
    ["a sender that no other revision served", {}],
    ["a sender that was served before", { stranger: own([500]) }],
  ])("do not fail a release that serves others: %s", (_what, before) => {
    const green = revision({ ...many(10, [4]), stranger: own([0, 200]) });
    const blue = revision({ ...many(10, [40]), ...before });
    expect(judge(DEFAULTS, moved(green, blue), { looks: 3 }).outcome).toBe("pass");
  });

  it("do not fail a canary in which that sender has green, and the others have blue", () => {
    const green = revision({ ...many(8, [4]), stranger: own([0, 90]) });
    const blue = revision(Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`b-${i}`, own([50])])));
    const verdict = judge(DEFAULTS, moved(green, blue, { isBlueCurrent: true, served: {} }), { looks: 18 });
    expect(verdict.outcome).toBe("pass");
  });

  it("hold a release if nobody else calls and no other revision has answered that sender", () => {
    const verdict = judge(DEFAULTS, moved(revision({ new: own([0, 26]) }), NO_REQUESTS, { probes: INFO }));
    expect(verdict).toMatchObject({
      outcome: "inconclusive",
      text: expect.stringContaining(
        "only with the requests of one sender (new), which no other revision has answered",
      ),
    });
  });

  it("fail a release if that sender is the only caller and the old revision served it", () => {
    const green = revision({ only: own([0, 13]) });
    const verdict = judge(DEFAULTS, moved(green, revision({ only: own([30]) }), { probes: INFO }));
    expect(verdict).toMatchObject({
      outcome: "fail",
      text: expect.stringContaining("only with the requests of one sender (only), which was served better"),
    });
  });

  test.each([
    ["many were answered before", 40, "fail"],
    ["hardly any were", 4, "inconclusive"],
  ])("do not leave out the only caller's few faults: %s", (_what, answered, outcome) => {
    // With 120 verdicts, five faults do not exceed the limit significantly; only the comparison with blue is significant.
    const checks = StrategySchema.parse({
      checks: [{ kind: "errorRate", minSamples: 3, max: 0.2, tolerance: 0.2 }],
    }).checks;
    const probes = { sent: 3, failed: 0, declared: true };
    const served = revision({ only: own([answered]) });
    const blue = revision({ only: own([answered]), ...(answered < 40 ? many(8, [5]) : {}) });
    const measured = moved(revision({ only: own([0, 5]) }), blue, { probes, served: sumOfSenders([served]) });
    expect(judge(checks, measured, { looks: 120 }).outcome).toBe(outcome);
  });

  it("leave a release to the other callers, however bad the old revision was for that sender", () => {
    const green = revision({ ...many(10, [2, 2]), stranger: own([0, 40]) });
    const blue = revision({ ...many(10, [40]), stranger: own([0, 400]) });
    expect(judge(DEFAULTS, moved(green, blue)).outcome).toBe("fail");
  });
});

test("faults of all callers fail a release, as before", () => {
  for (const faults of [3, 5, 20])
    expect(judge(DEFAULTS, moved(revision(many(10, [20, faults])), revision(many(10, [40])))).outcome).toBe(
      "fail",
    );
});

test.each([
  ["a fifth fails, 50 requests of 10 callers", 0.2, 50, 10, { pass: 0.05 }],
  ["every second fails, 50 requests of 5 callers", 0.5, 50, 5, { pass: 0 }],
  ["a tenth fails, 300 requests of 30 callers", 0.1, 300, 30, { pass: 0.05 }],
  ["the same code, 50 requests of 10 callers", 0.01, 50, 10, { fail: 0.01 }],
])("%s: the bounds of a judgement without senders hold", (what, errorRate, n, callers, bounds) => {
  const { next } = rngOf(17);
  const side = (requests: number, rate: number, senders: number) => {
    const all: Record<string, SenderMetrics> = {};
    for (let i = 0; i < requests; i += 1) {
      const sender = `s${Math.floor(next() * senders)}`;
      const each = all[sender] ?? own([0]);
      const isFault = next() < rate;
      all[sender] = own([each.answered + (isFault ? 0 : 1), each.errors + (isFault ? 1 : 0)]);
    }
    const { senders: known, ...figures } = revision(all);
    // The router knows 16 of them.
    const listed = Object.entries(known ?? {}).sort(
      ([, a], [, b]) => b.errors - a.errors || b.requests - a.requests,
    );
    return { ...figures, senders: Object.fromEntries(listed.slice(0, 16)) };
  };
  const ends = { pass: 0, fail: 0, inconclusive: 0, error: 0 };
  for (let i = 0; i < 500; i += 1)
    ends[judge(DEFAULTS, moved(side(n, errorRate, callers), side(900, 0.01, callers))).outcome] += 1;
  console.log(`${what}: ${JSON.stringify(ends)}`);
  for (const [end, most] of Object.entries(bounds))
    expect(ends[end as keyof typeof ends] / 500).toBeLessThanOrEqual(most);
});

describe("a release over the limit whose old revision has as many faults", () => {
  const side = (n: number, counts: Counts) => revision(many(n, counts));
  it("passes, and says that blue has them too", () => {
    const verdict = judge(DEFAULTS, moved(side(10, [5, 5]), side(10, [20, 20])));
    expect(verdict.text).toContain("more than the 5 % allowed, as blue has");
    expect(verdict.outcome).toBe("pass");
  });
  it("fails if it has more", () => {
    expect(judge(DEFAULTS, moved(side(10, [2, 8]), side(10, [20, 20]))).outcome).toBe("fail");
  });
  it("fails if blue has them only because of one sender", () => {
    const blue = revision({ ...many(10, [20]), stranger: own([0, 400]) });
    expect(judge(DEFAULTS, moved(side(10, [5, 5]), blue)).outcome).toBe("fail");
  });
  it("is held if more faults may be chance", () => {
    const verdict = judge(DEFAULTS, moved(side(10, [7, 4]), side(10, [20, 8])));
    expect(verdict.outcome).toBe("inconclusive");
  });
});

describe("refusals and slow answers of one sender", () => {
  it("do not fail a release that serves others", () => {
    const green = revision({ ...many(10, [4]), stranger: own([0, 0, 300]) });
    const blue = revision(many(10, [100]));
    expect(judge(DEFAULTS, moved(green, blue, { isBlueCurrent: true })).outcome).toBe("pass");
  });
  it("fail a release if that sender is the only caller and the old revision served it", () => {
    const green = revision({ only: own([0, 0, 13]) });
    expect(judge(DEFAULTS, moved(green, revision({ only: own([30]) }))).outcome).toBe("fail");
  });
  test.each([
    ["differs", "blue answers what green did not, but the requests of those callers alone do not fail it"],
    ["unknown", "it is unknown whether blue would answer what green did not"],
  ] as const)("hold a release if the other of two callers is needed to fail it: %s", (answer, doubt) => {
    // Blue served one of them only in the step before.
    const [moving, staying] = [own([0, 0, 20]), own([1])];
    const callers = Object.entries({ moving, staying }).map(([id, { latencies, ...counts }]) => ({
      ...{ id, known: true, ...counts, draining: 0, earlier: 0, busy: 0, limited: 0, ms: latencies },
    }));
    const green = {
      ...revision({ moving, staying }),
      callers: callers.map((each) => ({ ...each, open: [] })),
    };
    const blue = revision({ staying: own([40]) });
    const compared = { fault: {}, slow: {}, refusal: { moving: answer } };
    const served = { moving: own([40]), staying: own([40]) };
    const refused = StrategySchema.parse({ checks: [{ kind: "refusals" }] }).checks;
    const verdict = judge(refused, moved(green, blue, { served, compared }));
    expect(verdict).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    expect(verdict.text).toContain(doubt);
  });
  const rule = StrategySchema.parse({ checks: [{ kind: "latency" }] }).checks;
  const times = (n: number, ms: number) => Array.from({ length: n }, (_, i) => ms + (i % 7));
  it("leave the latency to the other callers", () => {
    const others = own([40], times(40, 100));
    const green = revision({ others, stranger: own([200], times(200, 9000)) });
    const blue = revision({ others: own([60], times(60, 100)), more: own([60], times(60, 100)) });
    expect(judge(rule, moved(green, blue)).outcome).toBe("pass");
    const slow = revision({ others: own([40], times(40, 400)), more: own([40], times(40, 400)) });
    expect(judge(rule, moved(slow, blue)).outcome).toBe("fail");
    const only = revision({ others: own([40], times(40, 400)) });
    expect(judge(rule, moved(only, blue)).outcome).toBe("fail");
    expect(judge(rule, moved(revision({ stranger: own([40], times(40, 400)) }), blue)).outcome).toBe(
      "inconclusive",
    );
  });
});

test("probes replace the requests of a sender whose faults may not count", () => {
  expect(withoutFaultiest(revision({ stranger: own([2, 26]), other: own([3]) }))).toMatchObject({
    answered: 3,
    errors: 0,
  });
  expect(withoutFaultiest(revision({ other: own([30]) }))).toMatchObject({ answered: 30 });
});

test("the comparison of a sender is what blue and the step before gave it", () => {
  const state = (services: Record<string, RevisionMetrics>) => ({
    release: "r",
    step: 1,
    since: 0,
    services: { quote: services },
  });
  const late = { ...own([1, 1]), earlier: 2, draining: 1 };
  const { green, served } = figuresOf(
    { services: { quote: { blue: { processId: "b" }, green: { processId: "g" } } } } as never,
    "quote",
    {
      metrics: state({
        g: { ...revision({ a: late }), earlier: 2, draining: 1 },
        b: revision({ a: own([5]) }),
      }),
      before: state({ g: revision({ a: own([1]) }), b: revision({ a: own([7, 1]), z: own([1]) }) }),
    },
  );
  expect(green).toMatchObject({ requests: 4, errors: 4, senders: { a: { requests: 4, errors: 4 } } });
  expect(served).toMatchObject({ a: { answered: 13, errors: 1 }, z: { answered: 1 } });
});
