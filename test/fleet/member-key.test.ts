import { expect, test } from "vitest";
import {
  calledIn,
  callKey,
  isStep,
  memberKey,
  parseKey,
  parseKeyOf,
} from "../../src/fleet/session/member-key.ts";

const scope = { project: "game", stack: "dev" };
const shop = { ...scope, name: "shop", generation: 12 };

test.each([
  ["spawn", { step: "spawn", rest: [] }],
  ["load/ab/e7", { step: "load", rest: ["ab", "e7"], epoch: 7 }],
  ["RETIRE/e0", { step: "RETIRE", rest: ["e0"], epoch: 0 }],
  ["WIRE_PEERS/cd/e3", { step: "WIRE_PEERS", rest: ["cd", "e3"], epoch: 3 }],
  ["INFO/cd/read-e3", { step: "INFO", rest: ["cd", "read-e3"] }],
])("the key of %s is parsed back", (step, parts) => {
  expect(parseKey(memberKey(scope, "shop", 12, step))).toEqual({ ...shop, ...parts });
});

test.each([
  ["an upload", "game/dev/module/ab"],
  ["a read of globals", "game/dev/shop/globals/read-ab"],
  ["a call of a command", "cli/game/dev/shop/BUY/ab"],
  ["a stranger's attempt", "validate/id/RETIRE/ab"],
  ["a process without a step", "game/dev/shop/g1"],
])("the key of %s is no member's", (_what, key) => {
  expect(parseKey(key)).toBeUndefined();
});

test("the key of a call has its action", () => {
  expect(callKey(scope, "shop", "RETIRE", "ab/cd")).toBe("cli/game/dev/shop/RETIRE/ab/cd");
  expect(calledIn(callKey(scope, "shop", "RETIRE", "ab/cd"))).toBe("RETIRE");
  expect(calledIn(memberKey(scope, "cli", 1, "RETIRE"))).toBeUndefined();
});

test("a step is of one stack, member and generation", () => {
  const load = { name: "shop", generation: 1, step: "load" };
  expect(isStep(scope, "game/dev/shop/g1/load/ab/e1", load)).toBe(true);
  for (const other of [
    "game/dev/shop/g11/load/ab/e1",
    "game/dev/shopper/g1/load/ab/e1",
    "game/prod/shop/g1/load/ab/e1",
    "game/dev/shop/g1/loads/ab/e1",
  ])
    expect(isStep(scope, other, load), other).toBe(false);
  expect(parseKeyOf(scope, "game/prod/shop/g1/spawn")).toBeUndefined();
});
