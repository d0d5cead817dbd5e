import { expect, test } from "vitest";
import { mapConcurrently } from "../../src/core/concurrently.ts";

test("results are in the order of the items, and no more run at once than allowed", async () => {
  let [running, most] = [0, 0];
  const results = await mapConcurrently([3, 1, 2, 0], 2, async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    running -= 1;
    return turns * 10;
  });
  expect([results, most]).toEqual([[30, 10, 20, 0], 2]);
  expect(await mapConcurrently([], 2, async (each) => each)).toEqual([]);
});

test("an error is thrown when what was begun has ended, and nothing else is begun", async () => {
  const events: string[] = [];
  let finish = () => {};
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const ended = mapConcurrently(["bad", "slow", "next"], 2, async (name) => {
    events.push(`begin ${name}`);
    if (name === "bad") throw new Error("bad");
    await slow;
    events.push(`end ${name}`);
  }).catch((error: Error) => events.push(`thrown ${error.message}`));
  await new Promise(setImmediate);
  expect(events).toEqual(["begin bad", "begin slow"]);
  finish();
  await ended;
  expect(events).toEqual(["begin bad", "begin slow", "end slow", "thrown bad"]);
});
