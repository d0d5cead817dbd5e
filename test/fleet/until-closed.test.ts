/** How long a hand-over or a move waits for what is open in an old process. */
import { afterEach, expect, test, vi } from "vitest";
import { untilClosed } from "../../src/fleet/snapshot/until-closed.ts";
import { callsOpen } from "../../src/operations/move/failures.ts";

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
  const failure = (seconds: number) => callsOpen("counter", seconds);
  const closed = untilClosed({ look, open: (found) => found, pause, failure });
  return { end: await closed.catch((error: unknown) => error), count };
}

test("it looks once more after the time, if one look takes as long as that", async () => {
  expect(await looks(1, 0)).toEqual({ end: 0, count: 2 });
  expect(await looks(1, 1, 0)).toMatchObject({ end: { code: "CALLS_OPEN" }, count: 2 });
});
