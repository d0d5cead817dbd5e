/** When the dashboard reads its source, and that nothing of it is left when nobody looks any more. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Watch, watch } from "../../src/dashboard/watch.ts";
import { FakeSource, processView } from "./fixture.ts";

const SECONDS = 5;
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

let source: FakeSource;
let watching: Watch;
beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeSource([processView("battle")]);
  watching = watch(source, SECONDS, false);
});
afterEach(() => {
  watching.close();
  vi.useRealTimers();
});

test("the source is read for each interval while somebody looks, by one timer however many do", async () => {
  const leave = [watching.subscribe(() => {}), watching.subscribe(() => {})];
  await pass(3 * SECONDS);
  expect([source.observed, vi.getTimerCount()]).toEqual([4, 1]);
  leave[0]?.();
  await pass(SECONDS);
  expect([source.observed, vi.getTimerCount()]).toEqual([5, 1]);
});

test.each<[string, (leave: () => void) => void]>([
  ["the last one left", (leave) => leave()],
  ["it was closed", () => watching.close()],
])("nothing is read, and no timer runs, after %s", async (_, end) => {
  const leave = watching.subscribe(() => {});
  await pass(SECONDS);
  end(leave);
  expect(vi.getTimerCount()).toBe(0);
  const { observed } = source;
  await pass(10 * SECONDS);
  expect(source.observed).toBe(observed);
});

test("a reading that is under way at the end starts no other", async () => {
  let answer = (): void => {};
  source.observe = () =>
    new Promise((resolve) => {
      source.observed += 1;
      answer = () => resolve(source.observation);
    });
  const seen = vi.fn();
  watching.subscribe(seen);
  await pass(0);
  watching.close();
  answer();
  await pass(10 * SECONDS);
  expect([source.observed, vi.getTimerCount(), seen.mock.calls.length]).toEqual([1, 0, 0]);
});
