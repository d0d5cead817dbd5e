/** What callers decide in a judgement when there are many: wallets and requests are free. */
import { describe, expect, it, test } from "vitest";
import { figuresOf } from "../../providers/traffic/figures.ts";
import type { CallerMetrics } from "../../src/delivery/caller-figures.ts";
import { type Compared, type Comparisons, drawn, MOST_COMPARED } from "../../src/delivery/comparison.ts";
import { clustered, type Unit, unitsOf } from "../../src/delivery/crowd.ts";
import { judge } from "../../src/delivery/judge.ts";
import { decide } from "../../src/delivery/machine.ts";
import type { ServiceMeasured } from "../../src/delivery/measurement.ts";
import { questionsFor } from "../../src/delivery/questions.ts";
import { sumOfSenders } from "../../src/delivery/senders.ts";
import { stepsOf } from "../../src/delivery/steps.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import type { RevisionMetrics } from "../../src/delivery/wire.ts";

const STRATEGY = StrategySchema.parse({ kind: "blue-green", maxInconclusive: 1 });
const CHECKS = STRATEGY.checks.filter(({ kind }) => kind !== "health");
const LATENCY = StrategySchema.parse({ checks: [{ kind: "latency" }] }).checks;

interface Kind {
  readonly n: number;
  readonly answered?: number;
  readonly errors?: number;
  readonly refused?: number;
  readonly limited?: number;
  readonly busy?: number;
  readonly known?: boolean;
  readonly ms?: number;
}

/** Callers of the same kind, by the start of their names. */
function callers(kinds: Readonly<Record<string, Kind>>): CallerMetrics[] {
  return Object.entries(kinds).flatMap(([name, kind]) => {
    const { n, answered = 0, errors = 0, refused = 0, limited = 0, busy = 0, known = true, ms = 200 } = kind;
    return Array.from({ length: n }, (_, i) => ({
      ...{ id: `${name}-${i}`, known, requests: answered + errors + refused, answered, errors, refused },
      ...{
        limited,
        busy,
        draining: 0,
        earlier: 0,
        open: [],
        slot: i + 1,
        ms: Array(answered).fill(ms + (i % 7)),
      },
      ...(errors > busy ? { fault: { slot: i + 1, code: "INTERNAL" } } : {}),
      ...(refused > limited ? { refusal: { slot: i + 1, code: "NOPE" } } : {}),
    }));
  });
}

function revision(kinds: Readonly<Record<string, Kind>>): RevisionMetrics {
  const list = callers(kinds);
  const sum = (of: "requests" | "answered" | "errors" | "refused") =>
    list.reduce((total, each) => total + each[of], 0);
  return {
    ...{
      requests: sum("requests"),
      answered: sum("answered"),
      errors: sum("errors"),
      refused: sum("refused"),
    },
    ...{ latencies: list.flatMap(({ ms }) => ms), open: [], callers: list },
  };
}

/** Every question about callers of these names has this answer. */
function compared(service: ServiceMeasured, answers: Readonly<Record<string, Compared>>, rules = CHECKS) {
  const all: Record<"fault" | "refusal" | "slow", Record<string, Compared>> = {
    fault: {},
    refusal: {},
    slow: {},
  };
  for (const { kind, caller } of questionsFor(rules, service, () => 0.5)) {
    const name = caller.slice(0, caller.lastIndexOf("-"));
    all[kind][caller] = answers[name] ?? "unknown";
  }
  return all satisfies Comparisons;
}

function verdictOf(
  green: Readonly<Record<string, Kind>>,
  blue: Readonly<Record<string, Kind>>,
  answers: Readonly<Record<string, Compared>> = {},
  rules = CHECKS,
  wasServed?: boolean,
) {
  const [own, old] = [revision(green), revision(blue)];
  const service = { green: own, blue: old, isBlueCurrent: true, served: sumOfSenders([old]), wasServed };
  return judge(rules, {
    services: { battle: { ...service, compared: compared(service, answers, rules) } },
  });
}

const BLUE = { honest: { n: 100, answered: 4 } };
const HONEST = { n: 40, answered: 4 };

describe("seven wallets that all have green, with forty bad requests each", () => {
  const attack = { wallet: { n: 7, refused: 20, errors: 20, known: false } };
  it("do not fail a release if blue fails them as well", () => {
    const verdict = verdictOf({ honest: HONEST, ...attack }, BLUE, { wallet: "same" });
    expect(verdict.outcome).toBe("pass");
    expect(verdict.text).toContain("of requests that blue fails as well");
  });
  it("hold it if nothing can be compared, with a code and what to do", () => {
    const verdict = verdictOf({ honest: HONEST, ...attack }, BLUE);
    expect(verdict).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    expect(verdict.text).toContain("npx fleet promote or npx fleet abort");
    const { move } = decide(STRATEGY, stepsOf(STRATEGY), { step: 0, inconclusive: 0, errors: 0 }, verdict);
    expect(move).toMatchObject({ kind: "hold", why: "uncompared" });
  });
  it("hold it if blue answers them and callers from before are served as before", () => {
    const verdict = verdictOf({ honest: HONEST, ...attack }, BLUE, { wallet: "differs" });
    expect(verdict).toMatchObject({ outcome: "inconclusive", why: "disputed" });
    const { move } = decide(STRATEGY, stepsOf(STRATEGY), { step: 0, inconclusive: 0, errors: 0 }, verdict);
    expect(move).toMatchObject({ kind: "hold", why: "disputed" });
  });
  it("that it is too busy for, or that send too much, count as nothing", () => {
    const busy = { wallet: { n: 7, errors: 40, busy: 40, known: false } };
    expect(verdictOf({ honest: HONEST, ...busy }, BLUE, { wallet: "differs" }).outcome).toBe("inconclusive");
    const limited = { wallet: { n: 7, refused: 40, limited: 40, known: false } };
    expect(verdictOf({ honest: HONEST, ...limited }, BLUE).outcome).toBe("pass");
  });
});

describe("one caller", () => {
  test.each(["same", "unknown", "differs"] as const)("decides nothing, however loud: %s", (answer) => {
    for (const known of [true, false]) {
      const loud = { n: 1, errors: 5000, refused: 5000, known };
      const verdict = verdictOf({ honest: HONEST, loud }, BLUE, { loud: answer });
      expect([known, verdict.outcome]).toEqual([known, answer === "differs" ? "inconclusive" : "pass"]);
    }
  });
  it("does not hide that green fails others", () => {
    const hurt = { n: 30, answered: 2, errors: 2 };
    const green = { honest: { n: 12, answered: 4 }, hurt, loud: { n: 1, answered: 10_000 } };
    expect(verdictOf(green, BLUE, { hurt: "differs" }).outcome).toBe("fail");
    expect(verdictOf(green, BLUE, { hurt: "unknown" }).outcome).toBe("inconclusive");
  });
});

describe("a service that hardly anybody calls", () => {
  const withSenders = (of: RevisionMetrics): RevisionMetrics => ({
    ...of,
    senders: Object.fromEntries((of.callers ?? []).map((own) => [own.id, { ...own, latencies: own.ms }])),
  });
  /** Wallets of which all had good answers before, and these requests now. */
  function judged(
    now: Readonly<Record<string, Kind>>,
    answers?: Readonly<Record<string, Compared>>,
    rules = CHECKS,
    before: Readonly<Record<string, Kind>> = { only: { n: 1, answered: 40 } },
  ) {
    const [green, blue] = [withSenders(revision(now)), withSenders(revision(before))];
    const service = { green, blue, served: sumOfSenders([blue]) };
    const found = answers ? { compared: compared(service, answers, rules) } : {};
    return judge(rules, { services: { battle: { ...service, ...found } } });
  }
  test.each([
    ["faults", { errors: 40 }, CHECKS],
    ["refusals", { refused: 40 }, CHECKS],
    ["slow answers", { answered: 40, ms: 4000 }, LATENCY],
  ] as const)(
    "fails a release by %s of its only caller if blue answers them, and is held if that is unknown",
    (_what, kind, rules) => {
      const only = { only: { n: 1, ...kind } };
      const outcomes = (["differs", "again", "unknown"] as const).map((answer) => {
        const { outcome, why } = judged(only, { only: answer }, [...rules]);
        return [outcome, why];
      });
      expect(outcomes).toEqual([
        ["fail", undefined],
        ["inconclusive", "uncompared"],
        ["inconclusive", "uncompared"],
      ]);
      expect(judged(only, undefined, [...rules]).outcome).toBe("inconclusive");
      expect(judged(only, { only: "same" }, [...rules]).outcome).not.toBe("fail");
    },
  );
  it("is not decided by two wallets whose requests were never pushed, so that green has no answer to them", () => {
    const two = { only: { n: 1, errors: 20 }, other: { n: 1, errors: 20, known: false } };
    expect(judged(two, { only: "unknown", other: "unknown" })).toMatchObject({
      outcome: "inconclusive",
      why: "uncompared",
    });
    // One of them met what blue answers, and was answered before.
    expect(judged(two, { only: "differs", other: "unknown" }).outcome).toBe("fail");
  });
  it("is not decided by new wallets where others were served before", () => {
    const two = { a: { n: 1, errors: 20, known: false }, b: { n: 1, errors: 20, known: false } };
    const answers = { a: "differs", b: "differs" } as const;
    const young = { a: { n: 1, answered: 9, known: false }, b: { n: 1, answered: 9, known: false } };
    expect(judged(two, answers, CHECKS, young).outcome).toBe("fail");
    const [green, blue] = [withSenders(revision(two)), withSenders(revision(young))];
    const service = { green, blue, served: sumOfSenders([blue]), wasServed: true };
    const battle = { ...service, compared: compared(service, answers) };
    expect(judge(CHECKS, { services: { battle } })).toMatchObject({
      outcome: "inconclusive",
      why: "disputed",
    });
  });
  it("fails a release by probes alone", () => {
    const probes = { sent: 30, failed: 20, declared: true };
    const green = withSenders(revision({ only: { n: 1, errors: 20 } }));
    const service = { green, blue: revision({ only: { n: 1, answered: 40 } }), probes };
    const battle = { ...service, compared: compared(service, { only: "unknown" }) };
    expect(judge(CHECKS, { services: { battle } }).outcome).toBe("fail");
  });
});

describe("callers from before and new ones", () => {
  const broken = (n: number, known: boolean) => ({ n, answered: 2, errors: 2, known });
  test.each([
    ["both", { honest: broken(20, true), new: broken(20, false) }, "fail"],
    ["those from before, nobody else calls", { honest: broken(20, true) }, "fail"],
    [
      "those from before alone",
      { honest: broken(20, true), new: { n: 20, answered: 4, known: false } },
      "inconclusive",
    ],
    ["new ones alone", { honest: HONEST, new: broken(20, false) }, "inconclusive"],
    ["new ones, those from before have not had green", { new: broken(20, false) }, "inconclusive"],
  ] as const)("green fails requests of %s that blue answers", (_what, green, outcome) => {
    const verdict = verdictOf(green, BLUE, { honest: "differs", new: "differs" });
    expect(verdict.outcome).toBe(outcome);
    if (outcome === "inconclusive") expect(verdict.why).toBe("disputed");
  });
  it("new ones decide where nobody called before", () => {
    const young = { new: { n: 40, answered: 4, known: false } };
    expect(verdictOf({ new: broken(20, false) }, young, { new: "differs" }).outcome).toBe("fail");
    expect(verdictOf(young, young).outcome).toBe("pass");
  });
  it("new ones do not decide while those from before do not call", () => {
    const [bad, good] = [
      { new: { n: 5, errors: 20, known: false } },
      { new: { n: 5, answered: 20, known: false } },
    ];
    const judged = (green: typeof bad | typeof good, wasServed?: boolean) =>
      verdictOf(green, good, { new: "differs" }, CHECKS, wasServed);
    expect(judged(bad, true)).toMatchObject({ outcome: "inconclusive", why: "disputed" });
    expect(judged(good, true)).toMatchObject({
      outcome: "inconclusive",
      text: expect.stringContaining("no caller known from before the rollout has had green yet"),
    });
    // A router of an earlier version does not report it, and one that nobody called before says so.
    for (const wasServed of [undefined, false])
      expect([judged(bad, wasServed).outcome, judged(good, wasServed).outcome]).toEqual(["fail", "pass"]);
  });
  it("new ones do not pass a release for those from before", () => {
    expect(verdictOf({ new: { n: 40, answered: 10, known: false } }, BLUE)).toMatchObject({
      outcome: "inconclusive",
      text: expect.stringContaining("no caller known from before the rollout has had green yet"),
    });
  });
});

describe("known callers who ask for what the release changed on purpose", () => {
  const asks = (n: number) => ({ n, refused: 10 });
  test.each([
    ["a few", 5, undefined],
    ["a few, and a new one", 5, 1],
    ["as many as others", 12, 20],
  ] as const)("hold a release that serves the others as before: %s", (_what, n, fresh) => {
    const others = fresh === undefined ? {} : { fresh: { n: fresh, refused: 10, known: false } };
    const green = { honest: { n: 12, answered: 3 }, patient: asks(n), ...others };
    expect(verdictOf(green, BLUE, { patient: "differs", fresh: "differs" })).toMatchObject({
      outcome: "inconclusive",
      why: "disputed",
    });
  });
  /** The start of a name says when its callers were first answered. */
  const judged = (patient: number, order: (name: string) => number) => {
    const own = revision({ honest: { n: 12, answered: 3 }, patient: asks(patient) });
    const callers = own.callers?.map((each, i) => ({
      ...each,
      since: order(each.id.split("-")[0] ?? "") * 1000 + i,
    }));
    const service = { green: { ...own, callers }, blue: revision(BLUE), isBlueCurrent: true, served: {} };
    const battle = { ...service, compared: compared(service, { patient: "differs" }) };
    return judge(CHECKS, { services: { battle } });
  };
  it("hold it also if they are many more, unless they came before the others", () => {
    const [late, early] = [
      judged(60, (name) => (name === "honest" ? 1 : 2)),
      judged(60, (name) => (name === "honest" ? 2 : 1)),
    ];
    expect(late).toMatchObject({ outcome: "inconclusive", why: "disputed" });
    expect(early.outcome).toBe("fail");
  });
});

describe("callers of whom it is unknown whether blue would answer them", () => {
  const dead = (n: number, known = true) => ({ n, refused: 4, known });
  const faulty = (n: number, known = true) => ({ n, errors: 4, known });
  const old = { ...BLUE, met: { n: 12, answered: 4 }, open: { n: 12, answered: 4 } };
  const answers = { met: "differs", open: "unknown" } as const;
  it("do not count as callers who met nothing: what all others met fails a release", () => {
    for (const all of [dead, faulty])
      expect(verdictOf({ met: all(8), open: all(4) }, old, answers).outcome).toBe("fail");
  });
  it("hold it by refusals if they are the majority: whoever keeps green busy decides nothing with the rest", () => {
    const verdict = verdictOf({ met: dead(5), open: dead(12) }, old, answers);
    expect(verdict).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    expect(verdict.text).not.toContain("only a part");
  });
  it("hold it by refusals if those of longest standing are among them", () => {
    const own = revision({ open: dead(4), met: dead(10) });
    const judged = (order: 1 | -1) => {
      const callers = own.callers?.map((each, at) => ({ ...each, since: order * at }));
      const service = { green: { ...own, callers }, blue: revision(old), served: {} };
      return judge(CHECKS, { services: { battle: { ...service, compared: compared(service, answers) } } });
    };
    expect(judged(1)).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    expect(judged(-1).outcome).toBe("fail");
  });
  it("leave no doubt whether new ones are served well: a release that both fail is not disputed", () => {
    for (const all of [dead, faulty])
      expect(verdictOf({ met: all(12), open: all(10, false) }, old, answers).outcome).toBe("fail");
    const good = { met: dead(12), fresh: { n: 10, answered: 4, known: false } };
    expect(verdictOf(good, old, answers)).toMatchObject({ outcome: "inconclusive", why: "disputed" });
    // Most of these are served well; what one of them met is unknown.
    const mixed = { ...good, open: dead(1, false) };
    expect(verdictOf(mixed, old, answers)).toMatchObject({ outcome: "inconclusive", why: "disputed" });
  });
  it("weaken nothing that fails without a comparison", () => {
    for (const all of [dead, faulty])
      for (const met of ["again", "differs"] as const)
        expect(verdictOf({ met: all(4), open: all(6) }, old, { met, open: "again" }).outcome).toBe("fail");
  });
});

test.each([
  [3, 0, "fail", ""],
  [4, 0, "fail", ""],
  [5, 0, "fail", ""],
  [4, 1, "inconclusive", "too few callers (4 of 5) met what blue answers to decide"],
  [5, 12, "inconclusive", "only a part of the callers met what blue answers"],
])("%i callers met a refusal that blue does not have, %i did not: %s", (met, others, outcome, text) => {
  const green = { met: { n: met, refused: 10 }, honest: { n: others, answered: 3 } };
  const verdict = verdictOf(green, BLUE, { met: "differs" });
  expect([verdict.outcome, verdict.why]).toEqual([outcome, text === "" ? undefined : "disputed"]);
  expect(verdict.text).toContain(text);
});

describe("faults that blue does not have", () => {
  const faulty = { n: 5, errors: 10 };
  it("fail a release though only a part of the callers met them: no release has faults on purpose", () => {
    const green = { honest: { n: 12, answered: 3 }, faulty };
    expect(verdictOf(green, BLUE, { faulty: "differs" }).outcome).toBe("fail");
    const refusing = { ...green, faulty: { n: 5, refused: 10 } };
    expect(verdictOf(refusing, BLUE, { faulty: "differs" })).toMatchObject({
      outcome: "inconclusive",
      why: "disputed",
    });
  });
  it("hold it if nearly everybody whose requests were compared met faults that blue has as well", () => {
    const green = { honest: { n: 12, answered: 3 }, faulty: { ...faulty, n: 3 }, both: { n: 9, errors: 3 } };
    expect(verdictOf(green, BLUE, { faulty: "differs", both: "same" })).toMatchObject({
      outcome: "inconclusive",
      why: "disputed",
    });
  });
});

describe("requests that both refuse, next to those that only green refuses", () => {
  it("do not hide those of the callers of longest standing", () => {
    const own = revision({
      honest: { n: 28, answered: 3, refused: 1 },
      junk: { n: 100, answered: 5, refused: 5 },
    });
    const callers = own.callers?.map((each, since) => ({ ...each, since }));
    const service = { green: { ...own, callers }, blue: revision(BLUE), served: {} };
    const questions = questionsFor(CHECKS, service, () => 0.5);
    expect(questions.filter(({ caller }) => caller.startsWith("honest")).length).toBeGreaterThanOrEqual(11);
    const battle = { ...service, compared: compared(service, { honest: "differs", junk: "same" }) };
    expect(judge(CHECKS, { services: { battle } }).outcome).toBe("inconclusive");
  });
  it("say only of a part of the callers who were not asked that blue refuses theirs, too", () => {
    const all = callers({ junk: { n: 100, answered: 5, refused: 5, known: false } });
    const none = { fault: {}, refusal: {}, slow: {} };
    const asked = drawn(all, "refusal", () => 0.5);
    const refusal = Object.fromEntries(asked.map(({ caller }) => [caller, "same" as const]));
    const units = unitsOf(all, "refusal", 30, { ...none, refusal });
    // 12 of 12: with 99 % confidence, at least 68 % of all.
    const shares = units
      .filter(({ id }) => refusal[id] === undefined)
      .map(({ same, unknown }) => same / (same + unknown));
    expect(new Set(shares.map((share) => share.toFixed(2)))).toEqual(new Set(["0.68"]));
  });
});

describe("requests that cannot be compared", () => {
  it("fail a release if nearly every caller from before was served better, and they fail again", () => {
    const green = { honest: { n: 20, errors: 4 } };
    expect(verdictOf(green, BLUE, { honest: "again" })).toMatchObject({
      outcome: "fail",
      text: expect.stringContaining("nearly every known caller was served better before"),
    });
  });
  it("hold it if they do not fail again: anyone can keep a revision busy", () => {
    for (const answer of ["unknown", "again"] as const) {
      const busy = { honest: { n: 20, errors: 4, busy: answer === "again" ? 4 : 0 } };
      const verdict = verdictOf(busy, BLUE, { honest: answer });
      expect(verdict).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    }
  });
  it("hold it if some were: a hundred patient wallets are not everybody", () => {
    const patient = { n: 88, answered: 0, errors: 4 };
    const old = { ...BLUE, patient: { n: 100, answered: 4 } };
    expect(verdictOf({ honest: HONEST, patient }, old, { patient: "again" })).toMatchObject({
      outcome: "inconclusive",
      why: "uncompared",
    });
  });
  it("are refusals that blue's callers do not get", () => {
    const green = { honest: HONEST, hurt: { n: 40, answered: 2, refused: 2 } };
    expect(verdictOf(green, BLUE)).toMatchObject({ outcome: "inconclusive", why: "uncompared" });
    const most = { ...green, hurt: { ...green.hurt, n: 80 } };
    expect(verdictOf(most, BLUE, { hurt: "differs" }).outcome).toBe("fail");
    expect(verdictOf(green, BLUE, { hurt: "same" }).outcome).toBe("pass");
  });
});

describe("slow answers", () => {
  const slow = (n: number, known: boolean) => ({ n, answered: 8, ms: 4000, known });
  test.each([
    [
      "wallets whose requests are as slow at blue",
      { honest: HONEST, wallet: slow(20, false) },
      "same",
      "pass",
    ],
    [
      "new wallets whose requests blue answers faster",
      { honest: HONEST, wallet: slow(60, false) },
      "differs",
      "inconclusive",
    ],
    [
      "wallets that cannot be compared",
      { honest: HONEST, wallet: slow(60, false) },
      "unknown",
      "inconclusive",
    ],
    ["one wallet", { honest: HONEST, wallet: { ...slow(1, true), answered: 128 } }, "differs", "pass"],
    ["everybody", { honest: slow(40, true), wallet: slow(20, false) }, "differs", "fail"],
  ] as const)("of %s", (_what, green, answer, outcome) => {
    const verdict = verdictOf(green, BLUE, { wallet: answer, honest: "differs" }, LATENCY);
    expect(verdict.outcome).toBe(outcome);
  });
});

describe("what is compared", () => {
  it("is nothing while nothing is against green", () => {
    const service = { green: revision({ honest: { n: 40, answered: 20, errors: 0 } }), blue: revision(BLUE) };
    expect(questionsFor([...CHECKS, ...LATENCY], service)).toEqual([]);
  });
  it("is a sample, of each caller once, that nobody can arrange", () => {
    const crowd = callers({ a: { n: 100, errors: 3 } });
    const [one, two] = [drawn(crowd, "fault"), drawn(crowd, "fault")];
    expect(one).toHaveLength(MOST_COMPARED);
    expect(new Set(one.map(({ caller }) => caller)).size).toBe(MOST_COMPARED);
    expect(one).not.toEqual(two);
    const service = {
      green: revision({ a: { n: 100, errors: 3 }, b: { n: 100, errors: 3, known: false } }),
      blue: revision(BLUE),
    };
    expect(questionsFor(CHECKS, service)).toHaveLength(2 * MOST_COMPARED);
  });
});

describe("the information in callers' requests", () => {
  const unit = (n: number, differs: number): Unit => ({
    id: `${n}-${differs}`,
    n,
    differs,
    unknown: 0,
    same: 0,
    met: 0,
    known: 1,
  });
  const of = (units: readonly Unit[]) => clustered(units, ({ differs }) => differs);
  it("is that of the requests if they have nothing to do with their callers", () => {
    const { events, n } = of(Array.from({ length: 50 }, (_, i) => unit(1, i < 10 ? 1 : 0)));
    expect(events).toBe(10);
    expect(n).toBeGreaterThanOrEqual(49);
  });
  it("is that of the callers if each one's requests end alike", () => {
    const alike = of([
      ...Array.from({ length: 10 }, () => unit(10, 10)),
      ...Array.from({ length: 30 }, () => unit(10, 0)),
    ]);
    expect(alike.n).toBeGreaterThanOrEqual(36);
    expect(alike.n).toBeLessThanOrEqual(40);
    expect(of(Array.from({ length: 5 }, () => unit(10, 10)))).toEqual({ events: 5, n: 5 });
  });
  it("is that of one observation for one caller", () => {
    expect(of([unit(10, 10)])).toEqual({ events: 1, n: 1 });
    expect(of([])).toEqual({ events: 0, n: 0 });
  });
});

test("a router of an earlier version reports no callers: its requests are judged, and nothing is compared", () => {
  const { callers: _, ...green } = revision({ honest: { n: 20, answered: 1, errors: 3 } });
  const { callers: __, ...blue } = revision(BLUE);
  expect(questionsFor(CHECKS, { green, blue })).toEqual([]);
  expect(judge(CHECKS, { services: { battle: { green, blue } } }).outcome).toBe("fail");
});

test("a caller that green tells to ask again, or whose earlier request ran out of time, has met a fault", () => {
  const own = revision({ a: { n: 1, answered: 1 } });
  const green = { ...own, callers: own.callers?.map((each) => ({ ...each, draining: 2, earlier: 1 })) };
  const metrics = {
    release: "r",
    step: 1,
    since: 0,
    services: { quote: { g: green, b: revision({ a: { n: 1, answered: 5 } }) } },
    servedBefore: ["quote"],
  };
  const wanted = { services: { quote: { blue: { processId: "b" }, green: { processId: "g" } } } } as never;
  const figures = figuresOf(wanted, "quote", { metrics });
  expect(figures.green.callers?.[0]).toMatchObject({
    requests: 2,
    answered: 1,
    errors: 3,
    busy: 2,
    draining: 0,
  });
  expect(figures.served).toMatchObject({ "a-0": { answered: 5 } });
  expect(figures.wasServed).toBe(true);
});
