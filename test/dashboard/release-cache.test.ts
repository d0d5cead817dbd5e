import { expect, test } from "vitest";
import { cacheReleases } from "../../src/operations/view/release-cache.ts";

/** A history that holds the given releases, a clock that stands still, and the number of reads. */
function cacheOf(...ids: string[]) {
  const state = { ids, reads: 0, time: 0, fails: false };
  const history = cacheReleases(
    async () => {
      state.reads += 1;
      if (state.fails) throw new Error("pulumi is busy");
      return { releases: state.ids.map((deploymentId) => ({ deploymentId })) };
    },
    () => state.time,
  );
  const ask = async (id: string | undefined) => (await history(id)).releases.map((one) => one.deploymentId);
  return { state, ask };
}

test("reads the history once for a release, and again for another one or after a minute", async () => {
  const { state, ask } = cacheOf("a");
  await ask("a");
  await ask("a");
  await ask(undefined);
  expect(state.reads).toBe(1);
  state.ids = ["a", "b"];
  expect(await ask("b")).toEqual(["a", "b"]);
  state.time += 60_001;
  await ask("b");
  expect(state.reads).toBe(3);
});

test("reads a history that lacks the running release again soon, and less often the longer it lacks it", async () => {
  const { state, ask } = cacheOf("a");
  expect(await ask("b")).toEqual(["a"]);
  expect(await ask("b")).toEqual(["a"]);
  expect(state.reads).toBe(1);
  state.time += 2001;
  await ask("b");
  expect(state.reads).toBe(2);
  state.time += 2001;
  await ask("b");
  expect(state.reads).toBe(2);
  state.time += 2000;
  state.ids = ["a", "b"];
  expect(await ask("b")).toEqual(["a", "b"]);
  state.time += 50_000;
  await ask("b");
  expect(state.reads).toBe(3);
});

test("does not keep a failure for a minute", async () => {
  const { state, ask } = cacheOf("a");
  state.fails = true;
  await expect(ask("a")).rejects.toThrow("busy");
  state.fails = false;
  state.time += 2001;
  expect(await ask("a")).toEqual(["a"]);
});
