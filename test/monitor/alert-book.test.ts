import fc from "fast-check";
import { expect, test } from "vitest";
import {
  acknowledge,
  apply,
  type Book,
  EMPTY_BOOK,
  isOpen,
  keyOf,
  resolve,
  silence,
  unsilence,
} from "../../src/monitor/alert-book.ts";
import type { Judgement } from "../../src/monitor/types.ts";

const MINUTE = 60_000;
const offline = (holds = true, source = "shop"): Judgement => ({
  type: "PROCESS_OFFLINE",
  source,
  holds,
  message: "3 checks",
});
const degraded: Judgement = { type: "PROCESS_DEGRADED", source: "shop", holds: true, message: "slow" };

/** Applies judgements at minutes; the notifications, as `minute kind level`. */
function play(steps: readonly (readonly [minute: number, ...Judgement[]])[], from: Book = EMPTY_BOOK) {
  let book = from;
  const notifications: string[] = [];
  for (const [minute, ...judgements] of steps) {
    const result = apply(book, judgements, minute * MINUTE);
    book = result.book;
    notifications.push(
      ...result.changes.map(({ kind, alert }) => `${minute} ${kind} ${alert.level} ${alert.source}`),
    );
  }
  return { book, notifications };
}

test("an alert is sent once, counted while it lasts, and sent when it is resolved", () => {
  const { book, notifications } = play([
    [0, offline()],
    [0.5, offline()],
    [60, offline()],
    [61, offline(false)],
    [62],
  ]);
  expect(notifications).toEqual(["0 raised CRITICAL shop", "61 resolved CRITICAL shop"]);
  expect(book.alerts).toMatchObject([
    { alertId: "alert-1", state: "RESOLVED", count: 3, resolvedAt: 61 * MINUTE },
  ]);
});

test("an alert that returns within five minutes is the earlier one and not sent again; a later one is sent", () => {
  const { book, notifications } = play([
    [0, offline()],
    [1, offline(false)],
    [2, offline()],
    [3, offline(false)],
    [5, offline()],
    [7, offline()],
  ]);
  expect(notifications).toEqual([
    "0 raised CRITICAL shop",
    "1 resolved CRITICAL shop",
    "7 raised CRITICAL shop",
  ]);
  expect(book.alerts).toHaveLength(1);
  expect(
    play([
      [0, offline()],
      [1, offline(false)],
      [7, offline()],
    ]).book.alerts,
  ).toHaveLength(2);
});

test("an unacknowledged alert rises a level every fifteen minutes, up to CRITICAL", () => {
  const steps = [0, 10, 15, 29, 30, 45, 90].map((minute) => [minute, degraded] as const);
  expect(play(steps).notifications).toEqual([
    "0 raised WARNING shop",
    "15 escalated ERROR shop",
    "30 escalated CRITICAL shop",
  ]);
  const { book } = play([[0, degraded]]);
  const known = acknowledge(book, "alert-1", "ann", MINUTE);
  expect(known.alerts).toMatchObject([{ state: "ACKNOWLEDGED", acknowledgedBy: "ann" }]);
  expect(play(steps.slice(1), known).notifications).toEqual([]);
});

test("a silence applies to a type or one source, until its time", () => {
  const quiet = silence(EMPTY_BOOK, { type: "PROCESS_OFFLINE", source: "shop", until: 10 * MINUTE });
  const steps = [
    [1, offline(), offline(true, "bank")],
    [11, offline()],
  ] as const;
  expect(play(steps, quiet).notifications).toEqual(["1 raised CRITICAL bank", "11 raised CRITICAL shop"]);
  expect(
    play(steps, silence(EMPTY_BOOK, { type: "PROCESS_OFFLINE", until: 10 * MINUTE })).notifications,
  ).toEqual(["11 raised CRITICAL shop"]);
  expect(play(steps, unsilence(quiet, { type: "PROCESS_OFFLINE", source: "shop" })).notifications).toContain(
    "1 raised CRITICAL shop",
  );
  const { book } = play([[0, degraded]]);
  expect(
    play([[20, degraded]], silence(book, { type: "PROCESS_DEGRADED", until: 30 * MINUTE })).notifications,
  ).toEqual([]);
});

test("only a silence that exists can be ended, and the error lists those", () => {
  const quiet = silence(EMPTY_BOOK, { type: "PROCESS_OFFLINE", source: "shop", until: 10 * MINUTE });
  expect(() => unsilence(quiet, { type: "PROCESS_OFFLINE" })).toThrow(
    /UNKNOWN_SILENCE[\s\S]*one of PROCESS_OFFLINE --source shop/,
  );
  expect(() => unsilence(EMPTY_BOOK, { type: "PROCESS_OFFLINE" })).toThrow(/a silence; there is none/);
  expect(unsilence(quiet, { type: "PROCESS_OFFLINE", source: "shop" }).silences).toEqual([]);
});

test("an alert is forgotten three days after it was last seen; an open one is kept", () => {
  const day = 24 * 60;
  expect(play([[0, offline()], [1, offline(false)], [3 * day - 1]]).book.alerts).toHaveLength(1);
  expect(play([[0, offline()], [1, offline(false)], [3 * day + 2]]).book.alerts).toEqual([]);
  expect(play([[0, offline()], [4 * day]]).book.alerts).toHaveLength(1);
});

test("an unknown id is reported with the open ones", () => {
  const { book } = play([[0, offline()]]);
  expect(() => acknowledge(book, "alert-9", "ann", 0)).toThrow(/alert-9[\s\S]*one of alert-1/);
  expect(resolve(book, "alert-1", "ann", 5).alerts[0]).toMatchObject({
    state: "RESOLVED",
    resolvedBy: "ann",
  });
});

test("at any time there is one open alert for each type and source, ids are unique, and nothing is sent twice in a cooldown", () => {
  const judgement = fc.record({
    type: fc.constantFrom("PROCESS_OFFLINE" as const, "PROCESS_DEGRADED" as const),
    source: fc.constantFrom("a", "b"),
    holds: fc.boolean(),
    message: fc.constant("m"),
  });
  const step = fc.tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.uniqueArray(judgement, { selector: keyOf, maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let book = EMPTY_BOOK;
      let now = 0;
      const raised = new Map<string, number>();
      for (const [minutes, judgements] of steps) {
        now += minutes * MINUTE;
        const result = apply(book, judgements, now);
        book = result.book;
        const open = book.alerts.filter(isOpen).map(keyOf);
        expect(new Set(open).size).toBe(open.length);
        expect(new Set(book.alerts.map(({ alertId }) => alertId)).size).toBe(book.alerts.length);
        for (const { kind, alert } of result.changes.filter((each) => each.kind === "raised")) {
          expect(now - (raised.get(keyOf(alert)) ?? Number.NEGATIVE_INFINITY), kind).toBeGreaterThanOrEqual(
            5 * MINUTE,
          );
          raised.set(keyOf(alert), now);
        }
        for (const each of judgements) expect(open.includes(keyOf(each))).toBe(each.holds);
      }
    }),
    { numRuns: 60 },
  );
});

test("many alerts of one type remove no open alert of another, only resolved ones and each other", () => {
  const attack = (n: number): Judgement => ({
    ...{ type: "SECURITY_ALERT", source: `wallet-${n}`, holds: true, level: "CRITICAL", message: "m" },
  });
  const attacks = Array.from({ length: 600 }, (_, n) => attack(n));
  const { book } = play([
    [0, offline(), offline(true, "bank"), degraded],
    [1, offline(false, "bank")],
    [2, ...attacks],
  ]);
  expect(book.alerts).toHaveLength(500);
  expect(book.alerts.slice(0, 2).map(keyOf)).toEqual(["PROCESS_OFFLINE/shop", "SECURITY_ALERT/wallet-101"]);
});
