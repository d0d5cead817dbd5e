import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/monitor/limits.ts";
import type { Counters, Reading, State } from "../../src/monitor/reading.ts";
import { judgeProcess, judgeRound } from "../../src/monitor/rules.ts";
import { countStates, overall, passes } from "../../src/monitor/verdict.ts";
import { stateNow, type Watched, watch } from "../../src/monitor/watch.ts";

const counters = (messages: number, errors = 0, refused = 0): Counters => ({
  messages,
  errors,
  refused,
  luaHeapKB: 100,
});
const reading = (more: Partial<Reading> = {}): Reading => ({
  name: "shop",
  processId: "S",
  outcome: "answered",
  health: "HEALTHY",
  responseMs: 20,
  status: "ACTIVE",
  counters: counters(10),
  slot: 5,
  evaluatedSlot: 5,
  ...more,
});
const silent: Reading = { name: "shop", processId: "S", outcome: "silent", detail: "no reply [NO_REPLY]" };

/** Rounds half a minute apart; returns the last one's judgements. */
function seen(...readings: Reading[]) {
  let known: Watched | undefined;
  let at = 0;
  for (const each of readings) {
    at += 30_000;
    known = watch(known, each, at, LIMITS);
  }
  if (!known) throw new Error("no reading");
  const last = readings.at(-1);
  const round = { at, readings: last ? [last] : [], deploying: false };
  const judged = judgeRound(round, [known], LIMITS).filter(({ holds }) => holds);
  return { known, held: judged.map(({ type, message }) => `${type}: ${message}`) };
}

describe("a process", () => {
  test("that is healthy causes no alert", () => {
    expect(seen(reading(), reading({ counters: counters(500, 3) })).held).toEqual([]);
  });

  test("is OFFLINE after three rounds without an answer; the first is a failed check", () => {
    const first = seen(reading(), silent);
    expect(first.known.state).toBe("HEALTHY");
    expect(first.held).toEqual([
      "HEALTH_CHECK_FAILURE_RATE_HIGH: 1 of 1 health checks failed, expected at most 5 %: shop (no answer)",
    ]);
    const third = seen(reading(), silent, silent, silent);
    expect(third.known).toMatchObject({ state: "OFFLINE", misses: 3, since: 120_000 });
    expect(third.held[1]).toBe("PROCESS_OFFLINE: 3 checks in a row without an answer: no reply [NO_REPLY]");
    expect(seen(silent, silent, silent, reading()).known).toMatchObject({ state: "HEALTHY", misses: 0 });
  });

  test.each<[string, Partial<Reading>, string]>([
    ["slow", { responseMs: 6200 }, "PROCESS_DEGRADED: it answered in 6200 ms, expected at most 5000 ms"],
    ["degraded", { health: "DEGRADED", detail: "calls: full" }, "PROCESS_DEGRADED: calls: full"],
    ["unhealthy", { health: "UNHEALTHY", detail: "invariants: gold" }, "PROCESS_UNHEALTHY: invariants: gold"],
    ["answering invalid JSON", { outcome: "wrong", detail: "no JSON" }, "PROCESS_UNHEALTHY: no JSON"],
    [
      "not ticking",
      { cron: { interval: "10-seconds", everyMs: 10_000, since: 1 }, lastTickAt: 25_000 },
      "CRON_MISSED: no tick for 3 intervals of 10 seconds, the last one 35 s ago: is fleet monitor --tick running?",
    ],
    [
      "never ticking",
      { cron: { interval: "10-seconds", everyMs: 10_000, since: 20_000 } },
      "CRON_MISSED: no tick for 4 intervals of 10 seconds, there was none yet: is fleet monitor --tick running?",
    ],
    [
      "erring",
      { counters: counters(20, 5) },
      "PROCESS_ERROR: 5 of 10 requests since the last round ended in an error, expected at most 5 %",
    ],
    [
      "attacked",
      { counters: counters(10, 0, 7), refusals: "FORBIDDEN: RETIRE by X" },
      "SECURITY_ALERT: it refused 7 messages since the last round: FORBIDDEN: RETIRE by X",
    ],
    [
      "drifting",
      { drift: ["it runs code aaaa instead of bbbb"] },
      "PROCESS_DRIFT: it runs code aaaa instead of bbbb",
    ],
  ])("that is %s is reported in the first round", (_how, more, message) => {
    expect(seen(reading(), reading(more)).held).toContain(message);
  });

  test.each([
    ["answered, and its ticks are unknown", reading({ ticksUnread: true }), []],
    ["did not answer correctly", reading({ outcome: "wrong" }), []],
    ["has no cron any more", reading(), [false]],
  ])("keeps the alert about its ticks unless they are known: it %s", (_how, now, expected) => {
    const { known } = seen(now);
    const judged = judgeProcess(known, { at: 60_000, readings: [now], deploying: false }, LIMITS);
    expect(judged.flatMap(({ type, holds }) => (type === "CRON_MISSED" ? [holds] : []))).toEqual(expected);
  });

  test("is stuck when the same slot waits in two rounds, and not when it advances", () => {
    const waits = (slot: number, evaluatedSlot: number) => reading({ slot, evaluatedSlot });
    expect(seen(waits(5, 5), waits(7, 5)).held).toEqual([]);
    expect(seen(waits(7, 5), waits(9, 7), waits(11, 9)).held).toEqual([]);
    expect(seen(waits(7, 5), waits(9, 5)).held).toEqual([
      "PROCESS_STUCK: slot 6 has not been evaluated for 30 s; the newest is slot 9",
    ]);
    // The scheduler does not answer for a round: the waiting slot is still waiting.
    const { slot: _slot, evaluatedSlot: _evaluated, ...blind } = reading();
    expect(seen(waits(7, 5), waits(9, 5), blind).held.join()).toContain("PROCESS_STUCK");
    expect(seen(waits(7, 5), blind, waits(9, 5)).held.join()).toContain("PROCESS_STUCK");
    expect(seen(waits(7, 5), waits(9, 5), waits(9, 9)).held).toEqual([]);
    expect(seen(waits(7, 5), { ...waits(9, 9), outcome: "unread" }, waits(11, 9)).known).toMatchObject({
      pendingRounds: 1,
      pendingSince: 90_000,
    });
    expect(seen(waits(7, 5), { ...silent, slot: 9, evaluatedSlot: 5 }).held.join()).toContain(
      "PROCESS_STUCK",
    );
  });

  test("whose counters were reset has no figures for that round", () => {
    const { known } = seen(
      reading({ counters: counters(50, 9, 9) }),
      reading({ counters: counters(2, 1, 0) }),
    );
    expect(known.delta).toBeUndefined();
  });

  test("that was not read keeps its last known values, and causes no alert", () => {
    const { known, held } = seen(reading({ health: "UNHEALTHY" }), { ...silent, outcome: "unread" });
    expect(known.state).toBe("UNHEALTHY");
    expect(held).toEqual([]);
    expect(
      judgeProcess(known, { at: 1, readings: [{ ...silent, outcome: "unread" }], deploying: false }, LIMITS),
    ).toHaveLength(1);
  });

  test("that could not be read keeps its state, is never OFFLINE for it, and causes an alert after three rounds", () => {
    const unheard: Reading = {
      ...{ name: "shop", processId: "S", outcome: "unknown", code: "UNIT_SLOW" },
      detail: "The compute unit did not answer in time [UNIT_SLOW]",
    };
    const first = seen(reading(), unheard);
    expect(first.known).toMatchObject({
      state: "HEALTHY",
      misses: 0,
      lastAnswerAt: 30_000,
      unknownSince: 60_000,
    });
    expect(stateNow(first.known)).toBe("UNKNOWN");
    expect(first.held).toEqual([
      "HEALTH_CHECK_FAILURE_RATE_HIGH: 1 of 1 health checks failed, expected at most 5 %: shop (unknown: UNIT_SLOW)",
    ]);
    const long = seen(reading(), ...Array<Reading>(20).fill(unheard));
    expect(long.known).toMatchObject({
      state: "HEALTHY",
      misses: 0,
      unknownRounds: 20,
      unknownSince: 60_000,
    });
    expect(long.held.slice(1)).toEqual([
      "PROCESS_DEGRADED: its state has been unknown for 570 s; it was HEALTHY before: The compute unit did not answer in time [UNIT_SLOW]",
    ]);
    // OFFLINE or UNHEALTHY stays, and misses do not increase.
    expect(seen(reading(), silent, silent, unheard, silent).known).toMatchObject({
      state: "OFFLINE",
      misses: 3,
    });
    expect(seen(reading(), silent, silent, unheard).known).toMatchObject({ state: "HEALTHY", misses: 2 });
    const back = seen(reading(), unheard, reading());
    expect([back.known.unknownRounds, stateNow(back.known), back.held]).toEqual([undefined, "HEALTHY", []]);
    expect(seen(unheard).known.state).toBe("UNKNOWN");
  });

  test("may differ from the manifest while a deployment runs", () => {
    const known = watch(undefined, reading({ drift: ["other code"] }), 0, LIMITS);
    const round = { at: 0, readings: [reading()], deploying: true };
    expect(judgeProcess(known, round, LIMITS).map(({ type }) => type)).not.toContain("PROCESS_DRIFT");
  });
});

describe("the fleet", () => {
  const of = (h: number, d: number, u: number, o: number) =>
    countStates([
      ...Array<State>(h).fill("HEALTHY"),
      ...Array<State>(d).fill("DEGRADED"),
      ...Array<State>(u).fill("UNHEALTHY"),
      ...Array<State>(o).fill("OFFLINE"),
    ]);
  test.each([
    [of(7, 0, 0, 0), "HEALTHY", true],
    [of(0, 0, 0, 0), "UNHEALTHY", false],
    [of(75, 0, 0, 25), "UNHEALTHY", false],
    [of(74, 0, 0, 26), "OFFLINE", false],
    [of(95, 0, 0, 5), "HEALTHY", true],
    [of(94, 0, 6, 0), "UNHEALTHY", false],
    [of(75, 25, 0, 0), "HEALTHY", false],
    [of(74, 26, 0, 0), "DEGRADED", false],
  ] as const)("%j is %s", (counts, state, passed) => {
    expect([overall(counts, LIMITS), passes(counts, LIMITS)]).toEqual([state, passed]);
  });

  test.each([
    [7, 0, "UNKNOWN"],
    [0, 7, "HEALTHY"],
    [1, 6, "HEALTHY"],
    [2, 5, "UNKNOWN"],
  ] as const)(
    "with %i unread and %i healthy members is %s, and passes only without unread ones",
    (u, h, state) => {
      const counts = countStates([
        ...Array<"UNKNOWN">(u).fill("UNKNOWN"),
        ...Array<State>(h).fill("HEALTHY"),
      ]);
      expect([overall(counts, LIMITS), passes(counts, LIMITS)]).toEqual([state, u === 0]);
    },
  );

  test("never passes while it is OFFLINE or UNHEALTHY", () => {
    const n = fc.nat(40);
    fc.assert(
      fc.property(n, n, n, n, (h, d, u, o) => {
        const counts = of(h, d, u, o);
        const state = overall(counts, LIMITS);
        return !passes(counts, LIMITS) || state === "HEALTHY" || state === "DEGRADED";
      }),
    );
  });
});
