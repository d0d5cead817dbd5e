/** How long a move waits for what is open in an old process. */
import { afterEach, expect, test, vi } from "vitest";
import { untilClosed } from "../../src/operations/move/until-closed.ts";

afterEach(() => vi.restoreAllMocks());

/** Looks of 40 s each, and what is open at the beginning of each. */
async function looks(...open: number[]) {
  let [now, count] = [0, 0];
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const look = async () => {
    const found = open[count] ?? 0;
    count += 1;
    now += 40_000;
    return found;
  };
  const pause = async (seconds: number) => {
    now += seconds * 1000;
  };
  const closed = untilClosed("counter", look, (found) => found, pause);
  return { end: await closed.catch((error: unknown) => error), count };
}

test("it looks once more after the time, if one look takes as long as that", async () => {
  expect(await looks(1, 0)).toEqual({ end: 0, count: 2 });
  expect(await looks(1, 1, 0)).toMatchObject({ end: { code: "CALLS_OPEN" }, count: 2 });
});
