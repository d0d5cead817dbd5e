import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latestDue, missedIntervals, nextDue, parseCronInterval } from "../../src/core/cron.ts";

describe("an interval", () => {
  test.each([
    ["30-seconds", { unit: "milliseconds", every: 30_000 }],
    ["1-second", { unit: "milliseconds", every: 1000 }],
    ["5-minutes", { unit: "milliseconds", every: 300_000 }],
    ["2-hours", { unit: "milliseconds", every: 7_200_000 }],
    ["10-blocks", { unit: "blocks", every: 10 }],
    ["1-block", { unit: "blocks", every: 1 }],
  ])("is parsed: %s", (text, parsed) => {
    expect(parseCronInterval(text)).toEqual(parsed);
  });

  test.each(["", "often", "0-seconds", "-1-seconds", "1.5-hours", "5-constructor", "1", "seconds"])(
    "is refused: %j",
    (text) => {
      expect(parseCronInterval(text)).toBeUndefined();
    },
  );
});

test("ticks are due at multiples of the interval after the origin, the first one interval after it", () => {
  const due = (now: number) => [latestDue(30, 1000, now), nextDue(30, 1000, now)];
  expect([999, 1000, 1029, 1030, 1059, 1060].map(due)).toEqual([
    [undefined, 1030],
    [undefined, 1030],
    [undefined, 1030],
    [1030, 1060],
    [1030, 1060],
    [1060, 1090],
  ]);
});

test("at any time, the latest tick is not in the future, and the next one is at most one interval away", () => {
  const amount = fc.integer({ min: 1, max: 1e12 });
  fc.assert(
    fc.property(amount, amount, amount, (every, origin, later) => {
      const now = origin + later;
      const latest = latestDue(every, origin, now);
      const next = nextDue(every, origin, now);
      expect(next).toBeGreaterThan(now);
      expect(next - now).toBeLessThanOrEqual(every);
      if (latest === undefined) expect(later).toBeLessThan(every);
      else expect(next - latest).toBe(every);
    }),
  );
});

test("an interval is missed when it has passed completely", () => {
  expect([0, 29, 30, 89, 90].map((now) => missedIntervals(30, 0, now))).toEqual([0, 0, 1, 2, 3]);
  expect(missedIntervals(30, 100, 50)).toBe(0);
});
