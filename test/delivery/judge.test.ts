import { describe, expect, it, test } from "vitest";
import { parseJson } from "../../src/core/json.ts";
import { judge } from "../../src/delivery/judge.ts";
import { NO_REQUESTS, type ServiceMeasured } from "../../src/delivery/measurement.ts";
import { type CheckRule, StrategySchema } from "../../src/delivery/strategy.ts";

const DEFAULTS = StrategySchema.parse({ kind: "blue-green" }).checks;
const rule = (given: object): CheckRule[] => StrategySchema.parse({ checks: [given] }).checks;
const metrics = (answered: number, errors = 0, refused = 0, latencies: number[] = []) => ({
  requests: answered + errors + refused,
  answered,
  errors,
  refused,
  latencies,
});
const HEALTHY = { status: "HEALTHY", reasons: [] };
const of = (service: Partial<ServiceMeasured>) => ({
  services: { battle: { green: NO_REQUESTS, health: HEALTHY, ...service } },
});

describe("a verdict", () => {
  it("passes a green with the figures of blue, and reports them", () => {
    const verdict = judge(DEFAULTS, of({ green: metrics(99, 1), blue: metrics(495, 5) }));
    expect(verdict.outcome).toBe("pass");
    expect(verdict.text).toContain(
      "green 1 fault in 100 requests (1 %) compared with blue 5 faults in 500 requests (1 %)",
    );
  });

  test.each([
    [
      "more faults than allowed",
      { green: metrics(20, 20) },
      /50 %\), more than the 5 % allowed \(p = \S+, 0.01 decides\)/,
    ],
    ["more faults than blue", { green: metrics(480, 20), blue: metrics(2000, 0) }, /worse by 4 %/],
    ["more refusals than blue", { green: metrics(40, 0, 60), blue: metrics(900, 0, 100) }, /more by 50 %/],
    [
      "bad health",
      { green: metrics(100), health: { status: "UNHEALTHY", reasons: ["x"] } },
      /UNHEALTHY \(x\)/,
    ],
    ["faults in all of a few requests", { green: metrics(0, 3) }, /3 faults in 3 requests/],
  ])("fails on %s", (_what, service, text) => {
    const verdict = judge(DEFAULTS, of(service));
    expect(verdict.outcome).toBe("fail");
    expect(verdict.text).toMatch(text);
  });

  it("does not pass without data", () => {
    expect(judge(DEFAULTS, of({})).outcome).toBe("inconclusive");
    expect(judge(rule({ kind: "health" }), of({})).outcome).toBe("inconclusive");
    expect(judge([], of({})).outcome).toBe("inconclusive");
    expect(judge(DEFAULTS, of({ green: metrics(29) })).outcome).toBe("inconclusive");
  });

  it("uses probes if there are too few callers, and reports it", () => {
    const few = of({ green: metrics(5), probes: { sent: 25, failed: 0 } });
    const good = judge(DEFAULTS, few, { isLast: true });
    expect(good.outcome).toBe("pass");
    expect(good.text).toContain("30 requests (0 %), 25 of them probes");
    // While more callers may come, only callers count.
    expect(judge(DEFAULTS, few)).toMatchObject({
      outcome: "inconclusive",
      text: expect.stringContaining("30 requests of green's callers are needed"),
    });
    expect(judge(DEFAULTS, of({ probes: { sent: 30, failed: 0 } })).outcome).toBe("pass");
    // Nobody called in this interval, but somebody did before.
    const quiet = of({ blue: metrics(20), probes: { sent: 30, failed: 0 } });
    expect(judge(DEFAULTS, quiet).outcome).toBe("inconclusive");
    expect(judge(DEFAULTS, quiet, { isLast: true }).outcome).toBe("pass");
    // Callers use blue, and the step sends green none of them.
    const unrouted = { ...quiet.services.battle, isBlueCurrent: true, isUnrouted: true };
    expect(judge(DEFAULTS, of(unrouted))).toMatchObject({
      outcome: "pass",
      text: expect.stringContaining("30 of them probes, and no callers at this share"),
    });
    // A tester reached it, and has no answer.
    expect(judge(DEFAULTS, of({ ...unrouted, green: { ...NO_REQUESTS, requests: 1 } })).outcome).toBe(
      "inconclusive",
    );
    expect(
      judge(DEFAULTS, of({ ...unrouted, probes: { sent: 30, failed: 30, reason: "NO_REPLY" } })).outcome,
    ).toBe("fail");
    // One of a few failed: a person decides.
    const unlucky = of({ green: metrics(5, 1), probes: { sent: 24, failed: 0 } });
    expect(judge(DEFAULTS, unlucky, { isLast: true }).outcome).toBe("inconclusive");
    const bad = judge(DEFAULTS, of({ probes: { sent: 30, failed: 30, reason: "NO_REPLY" } }));
    expect(bad.outcome).toBe("fail");
    expect(bad.text).toContain("NO_REPLY");
    // If blue has callers at the same time, the verdict waits for green's own, or uses the service's declared probes.
    const used = { green: metrics(5), blue: metrics(95), isBlueCurrent: true };
    expect(judge(DEFAULTS, of({ ...used, probes: { sent: 25, failed: 0 } })).outcome).toBe("inconclusive");
    expect(judge(DEFAULTS, of({ ...used, probes: { sent: 25, failed: 0, declared: true } })).outcome).toBe(
      "pass",
    );
    // Successful probes do not outweigh callers' faults.
    expect(judge(DEFAULTS, of({ green: metrics(0, 2), probes: { sent: 28, failed: 0 } })).outcome).toBe(
      "fail",
    );
  });

  it("waits for overdue answers, but not for requests that are normally in progress", () => {
    const latencies = Array.from({ length: 96 }, () => 1000);
    const waiting = (ms: number) => of({ green: { ...metrics(96, 0, 0, latencies), requests: 104 }, ms });
    // An answer takes a second: in 15 seconds seven of 104 requests are in progress, in a minute two.
    expect(judge(DEFAULTS, waiting(15_000)).outcome).toBe("pass");
    expect(judge(DEFAULTS, waiting(60_000))).toMatchObject({
      outcome: "inconclusive",
      text: expect.stringContaining("8 of its callers' 104 requests have no answer yet"),
    });
    const hung = of({ green: { ...metrics(0), requests: 9 }, probes: { sent: 30, failed: 0 } });
    expect(judge(DEFAULTS, hung, { isLast: true }).outcome).toBe("inconclusive");
  });

  describe("on requests without an answer", () => {
    const crashing = (open: number[] | undefined, more: Partial<ServiceMeasured> = {}) =>
      of({
        green: { ...metrics(0), requests: 1, ...(open === undefined ? {} : { open }) },
        blue: metrics(20),
        ms: 15_000,
        intervalMs: 5_000,
        probes: { sent: 30, failed: 0 },
        revision: "battle@1a2b3c4d",
        ...more,
      });
    it.each([
      ["one older than an interval", crashing([14_900])],
      ["a recent one, of a revision that has answered nobody", crashing([100])],
      ["one of unknown age, because the router does not report it", crashing(undefined)],
      [
        "one of an earlier step, when nobody called in this one",
        crashing([23_000], { green: { ...metrics(0), open: [23_000] } }),
      ],
      [
        "an old one among answered ones",
        crashing([14_900], { green: { ...metrics(6), requests: 7, open: [14_900] } }),
      ],
    ])("does not pass by Info over %s", (_what, measured) => {
      expect(judge(DEFAULTS, measured, { isLast: true })).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringMatching(
          /; (its callers' only request|1 of its callers' 7 requests) has no answer yet from battle@1a2b3c4d(, for [\d.]+ s)?; /,
        ),
      });
    });

    it("does not use Info probes as traffic when no rule counts requests", () => {
      const measured = crashing([14_900]);
      const verdict = judge(rule({ kind: "health" }), measured, { isLast: true });
      expect(verdict).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining("its callers' only request has no answer yet"),
      });
      const answered = crashing([], { green: metrics(1) });
      expect(judge(rule({ kind: "health" }), answered).outcome).toBe("pass");
    });

    it("reports the age of the oldest", () => {
      expect(judge(DEFAULTS, crashing([23_400, 900]), { isLast: true }).text).toContain(
        "2 of its callers' 2 requests have no answer yet from battle@1a2b3c4d, the oldest for 23.4 s",
      );
    });

    it("ignores a very recent one among answered ones", () => {
      const green = { ...metrics(6), requests: 7, open: [300] };
      expect(judge(DEFAULTS, crashing([], { green }), { isLast: true }).outcome).toBe("pass");
    });

    it("does not pass on Info probes after a caller's fault, and fails if all requests are faults", () => {
      const green = { ...metrics(24, 1), open: [] };
      const few = crashing([], { green, probes: { sent: 5, failed: 0 } });
      expect(judge(DEFAULTS, few, { isLast: true }).outcome).toBe("inconclusive");
      expect(judge(DEFAULTS, crashing([], { green: { ...metrics(0, 3), open: [] } })).outcome).toBe("fail");
    });

    it("does not fail a slow service: it stays open, and passes once its own answers are as slow", () => {
      const open = [19_000, 14_000, 9_000, 4_000];
      const starting = crashing([], { green: { ...metrics(0), requests: 4, open } });
      expect(judge(DEFAULTS, starting, { isLast: true }).outcome).toBe("inconclusive");
      const all = crashing([], { green: { ...metrics(0), requests: 900, open: Array(256).fill(59_000) } });
      expect(judge(DEFAULTS, all).outcome).toBe("inconclusive");
      const latencies = Array.from({ length: 40 }, () => 20_000);
      const running = { ...metrics(40, 0, 0, latencies), requests: 44, open };
      expect(judge(DEFAULTS, crashing([], { green: running, ms: 220_000 })).outcome).toBe("pass");
      // A request older than any answer took is not merely slow.
      const stuck = { ...running, open: [90_000, 80_000, 70_000, 60_000] };
      expect(judge(DEFAULTS, crashing([], { green: stuck, ms: 220_000 })).outcome).toBe("inconclusive");
    });
  });

  describe("on a green that refuses every request", () => {
    const all = metrics(0, 0, 54);
    const refusals = rule({ kind: "refusals" });

    it("is a failure even against a few answered requests of blue: the test is exact", () => {
      expect(
        judge(DEFAULTS, of({ green: all, blue: metrics(21) }), { looks: 3, isLast: true }),
      ).toMatchObject({
        outcome: "fail",
        text: expect.stringMatching(
          /green 54 refused in 54 requests \(100 %\) compared with blue 0 refused in 21 requests \(0 %\): more by 100 %/,
        ),
      });
      expect(judge(DEFAULTS, of({ green: metrics(0, 0, 40), blue: metrics(2) })).outcome).toBe("fail");
    });

    it.each([
      ["without a blue", { green: all }, "; nothing to compare with"],
      [
        "with a blue that nobody called",
        { green: all, blue: NO_REQUESTS },
        "; blue's 0 requests are too few to compare with",
      ],
      [
        "with one answer of blue, which may be chance",
        { green: all, blue: metrics(1) },
        "; blue's 1 request is too few to compare with",
      ],
      [
        "with a few requests to blue that were refused too",
        { green: all, blue: metrics(0, 0, 5) },
        "; blue's 5 requests are too few to compare with",
      ],
    ])("leaves the decision to a person when nobody was answered, %s", (_what, service, why) => {
      expect(judge(DEFAULTS, of(service), { isLast: true })).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining(
          `refusals of battle is inconclusive: green 54 refused in 54 requests (100 %), so no caller was answered${why}`,
        ),
      });
    });

    it("reports how many callers blue asked to retry, and counts them for neither side", () => {
      const blue = { ...metrics(139), requests: 273, draining: 134 };
      expect(judge(refusals, of({ green: metrics(99), blue }))).toMatchObject({
        outcome: "pass",
        text: expect.stringContaining(
          "blue 0 refused in 139 requests (0 %); it told 134 more to ask again (p = 1)",
        ),
      });
    });

    it("is inconclusive if green's only caller was refused and blue refuses many too", () => {
      const verdict = judge(refusals, of({ green: metrics(0, 0, 1), blue: metrics(40) }));
      expect(verdict).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining("so no caller was answered; 30 are needed to compare with blue"),
      });
    });

    it("is inconclusive if the other requests were faults, too few to fail", () => {
      expect(judge(DEFAULTS, of({ green: metrics(0, 1, 53) })).outcome).toBe("inconclusive");
    });

    it.each([
      ["one caller was answered", { green: metrics(1, 0, 53) }],
      ["it refuses as blue does, and enough called blue", { green: all, blue: metrics(0, 0, 60) }],
      [
        "it answers the service's declared probes",
        { green: metrics(0, 0, 5), probes: { sent: 30, failed: 0, declared: true } },
      ],
    ])("passes if %s", (_what, service) => {
      expect(judge(DEFAULTS, of(service)).outcome).toBe("pass");
    });

    it("does not pass on Info probes if its only callers were refused, however many called blue", () => {
      const probes = { sent: 29, failed: 0 };
      const few = of({ green: metrics(0, 0, 1), blue: metrics(40), probes });
      expect(judge(DEFAULTS, few, { isLast: true })).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining(
          "its callers' only request was not answered correctly: 1 refused, 0 faults",
        ),
      });
    });

    it.each(["errorRate", "health", "latency"])("does not pass by %s alone without a comparison", (kind) => {
      const green = { ...all, latencies: Array(54).fill(20) };
      const measured = of({ green, blue: metrics(60, 0, 0, Array(60).fill(20)) });
      expect(judge(rule({ kind }), measured, { isLast: true })).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining(
          "traffic of battle is inconclusive: none of its callers' 54 requests was answered correctly: 54 refused, 0 faults",
        ),
      });
      const one = { ...metrics(1, 0, 53), latencies: green.latencies };
      expect(judge(rule({ kind }), of({ ...measured.services.battle, green: one })).outcome).toBe("pass");
    });

    it.each(["refusals", "health", "latency"])("does not pass by %s alone if all were faults", (kind) => {
      const green = { ...metrics(0, 54), latencies: Array(54).fill(20) };
      const measured = of({ green, blue: metrics(60, 0, 0, Array(60).fill(20)) });
      expect(judge(rule({ kind }), measured)).toMatchObject({
        outcome: "inconclusive",
        text: expect.stringContaining("answered correctly: 0 refused, 54 faults"),
      });
      expect(judge(DEFAULTS, measured).outcome).toBe("fail");
    });

    it("passes by refusals alone if nothing was refused, without a comparison", () => {
      expect(judge(refusals, of({ green: metrics(9) })).outcome).toBe("pass");
    });
  });

  it("lists checks that could not be measured after failed ones and before inconclusive ones", () => {
    const problem = { problem: "no answer within 60 s" };
    expect(judge(DEFAULTS, of({ green: metrics(100), health: problem })).outcome).toBe("error");
    expect(judge(DEFAULTS, of({ green: metrics(1), health: problem })).outcome).toBe("error");
    expect(judge(DEFAULTS, of({ green: metrics(1, 99), health: problem })).outcome).toBe("fail");
  });

  it("compares latencies by ranks: a slowdown must be relevant and significant", () => {
    const check = rule({ kind: "latency" });
    const base = Array.from({ length: 60 }, (_, i) => 100 + (i % 20));
    const at = (latencies: number[]) =>
      judge(check, of({ green: metrics(latencies.length, 0, 0, latencies), blue: metrics(60, 0, 0, base) }));
    expect(at(base).outcome).toBe("pass");
    expect(at(base.map((ms) => ms * 2))).toMatchObject({
      outcome: "fail",
      text: expect.stringMatching(
        /median 219 ms of 60 answers compared with 110 ms of 60 of blue: slower in 100 % of pairs/,
      ),
    });
    expect(at(base.slice(0, 10)).outcome).toBe("inconclusive");
    const most = rule({ kind: "latency", maxMs: 50 });
    expect(judge(most, of({ green: metrics(60, 0, 0, base) }))).toMatchObject({ outcome: "fail" });
  });

  it("uses no probes for a latency check, and reports it", () => {
    const checks = rule({ kind: "latency", minSamples: 5 });
    const quiet = of({ probes: { sent: 30, failed: 0, declared: true } });
    expect(judge(checks, quiet, { isLast: true })).toMatchObject({
      outcome: "inconclusive",
      text: "latency of battle is inconclusive: 0 answers of green's callers timed by the router, 5 are needed; probes are not timed",
    });
  });

  it("reads declared probes as expected, different or failed", () => {
    const checks = rule({
      kind: "probe",
      name: "ping",
      service: "battle",
      action: "PING",
      expect: { pong: 1 },
    });
    const asked = (probes: object) =>
      judge(checks, { ...of({ green: metrics(9) }), probes: { ping: probes } as never });
    expect(asked({ differences: [] }).outcome).toBe("pass");
    expect(asked({ differences: ["pong is 2, expected 1"] })).toMatchObject({ outcome: "fail" });
    expect(asked({ problem: "NO_REPLY" }).outcome).toBe("error");
    expect(judge(checks, of({ green: metrics(9) })).outcome).toBe("error");
  });

  /** As a process sends it: a double would make values beyond 2^53 equal. */
  const big = (digits: string) => parseJson(digits);
  it.each([
    ["equal", big("9007199254740993"), big("9007199254740993"), "pass"],
    ["equal", big("9007199254740993"), big("9007199254740992"), "fail"],
    ["notLess", big("9007199254740993"), big("9007199254740992"), "fail"],
    ["notLess", big("9007199254740992"), big("9007199254740993"), "pass"],
    ["notMore", big("9223372036854775806"), big("9223372036854775807"), "fail"],
    ["equal", 5, 5, "pass"],
    ["equal", { gold: 1, silver: 2 }, { silver: 2, gold: 1 }, "pass"],
    ["equal", 5, 6, "fail"],
    ["notLess", 5, 6, "pass"],
    ["notLess", 5, 4, "fail"],
    ["notLess", 5, "6", "fail"],
    ["notMore", 5, 4, "pass"],
    ["notMore", 5, 6, "fail"],
  ] as const)("holds invariants: %s, %j before and %j now: %s", (relation, before, after, outcome) => {
    const checks = rule({
      kind: "invariant",
      name: "gold",
      service: "battle",
      action: "SUM",
      path: "sum",
      relation,
    });
    const verdict = judge(checks, {
      ...of({ green: metrics(9) }),
      invariants: { gold: { before: { value: before }, after: { value: after } } },
    });
    expect(verdict.outcome).toBe(outcome);
    expect(verdict.text).toContain("sum of battle was");
  });

  it("reports an error if an invariant cannot be measured now; without an earlier value a person decides", () => {
    const checks = rule({ kind: "invariant", name: "gold", service: "battle", action: "SUM", path: "sum" });
    const asked = (before: object, after: object) =>
      judge(checks, { ...of({ green: metrics(9) }), invariants: { gold: { before, after } } as never })
        .outcome;
    expect(asked({ value: 1 }, { problem: "NO_REPLY" })).toBe("error");
    expect(asked({ problem: "DRAINING" }, { value: 1 })).toBe("inconclusive");
    expect(judge(checks, of({ green: metrics(9) })).outcome).toBe("error");
  });
});
