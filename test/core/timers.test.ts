/** Delays that come from settings: Node fires a timer with a delay above 24.8 days at once. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limiterOf } from "../../src/ao/limiter.ts";
import { startClock } from "../../src/operations/deploy/clock.ts";

const MONTH_SECONDS = 30 * 86_400;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a run with a time limit of a month is not ended at once", () => {
  const onEnd = vi.fn();
  const clock = startClock(MONTH_SECONDS, onEnd, () => () => {});
  vi.advanceTimersByTime(60_000);
  expect([clock.ended, onEnd.mock.calls]).toEqual([undefined, []]);
  clock.stop();
});

test("a call that may wait a month for its turn gets it", async () => {
  const limiter = limiterOf(1);
  let end: () => void = () => {};
  const first = limiter.run(0, () => new Promise<void>((resolve) => (end = resolve)), Error);
  const second = limiter
    .run(
      MONTH_SECONDS * 1000,
      async () => "ran",
      () => new Error("no turn"),
    )
    .catch(String);
  await vi.advanceTimersByTimeAsync(60_000);
  end();
  await first;
  expect(await second).toBe("ran");
});
