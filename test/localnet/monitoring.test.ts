import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { chain } from "../../src/localnet/scheduler/blocks.ts";
import type { UnitContext } from "../../src/localnet/units/context.ts";
import type { Evaluating } from "../../src/localnet/units/evaluating.ts";
import { monitoring } from "../../src/localnet/units/monitoring.ts";

const MONTH = 2_629_800_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Monitored processes with these crons; counts the ticks of each. */
function ticking(intervals: Readonly<Record<string, string>>) {
  const counts: Record<string, number> = {};
  const context = {
    store: {
      process: (id: string) => ({ tags: [{ name: "Cron-Interval", value: intervals[id] }] }),
      monitored: () => Object.keys(intervals),
    },
    chain: chain(Date.now(), 10),
    now: Date.now,
  } as unknown as UnitContext;
  const evaluating = {
    tick(process: string) {
      counts[process] = (counts[process] ?? 0) + 1;
    },
  } as Pick<Evaluating, "tick"> as Evaluating;
  return { counts, monitors: monitoring(context, evaluating) };
}

test("crons tick when they are due, also one that is longer than a timer can wait", () => {
  const { counts, monitors } = ticking({ a: "1-month", b: "1-second", c: "1-block", d: "20-days" });
  vi.advanceTimersByTime(2500);
  expect(counts).toEqual({ b: 2 });
  vi.advanceTimersByTime(10_000);
  expect(counts).toEqual({ b: 12, c: 1 });
  monitors.close();
});

test("a cron of a month ticks once a month, at most a minute late", () => {
  const { counts, monitors } = ticking({ a: "1-month" });
  // First a short time: with ticks all the time, a month would take hours.
  for (const ms of [100, MONTH - 101]) {
    vi.advanceTimersByTime(ms);
    expect(counts).toEqual({});
  }
  vi.advanceTimersByTime(60_000);
  expect(counts).toEqual({ a: 1 });
  vi.advanceTimersByTime(MONTH);
  expect(counts).toEqual({ a: 2 });
  monitors.close();
});
