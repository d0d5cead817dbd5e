import { describe, expect, test } from "vitest";
import { holdFields, holdOf } from "../../src/delivery/index.ts";
import { HOLD_CODES } from "../../src/delivery/wire.ts";

const held = (reason: string, holdCode?: string) =>
  holdOf({ mode: "held", reason, ...(holdCode === undefined ? {} : { holdCode }) });

describe("the reason why a table is held", () => {
  test.each(HOLD_CODES)("is the code %s, whatever the sentence", (code) => {
    expect(held("a gate at 5 %: errorRate of battle fails: 3 in 4", code)).toMatchObject({ code });
  });

  test("is unknown for a code of a later version", () => {
    expect(held("a gate at 5 % waits for fleet promote", "weekend")).toMatchObject({ code: "unknown" });
  });

  test("is empty for a table that is not held", () => {
    expect(holdOf(undefined)).toBeUndefined();
    expect(holdOf({ mode: "rollout" })).toBeUndefined();
    // A steady table of an earlier version may still have the sentence of its last hold.
    expect(holdOf({ mode: "steady", reason: "paused by hand" })).toBeUndefined();
  });
});

describe("the reason in a table of version 0.1.0 is read from its sentence as", () => {
  test.each([
    ["gate", "a gate at 5 % waits for fleet promote"],
    ["gate", "a gate at 5 %: fleet promote goes on"],
    ["paused", "paused by hand"],
    ["inconclusive", "3 intervals without enough data: errorRate of battle is inconclusive: 0 faults"],
    ["inconclusive", "3 intervals without enough to judge by: errorRate of battle is open: 0 faults"],
    ["inconclusive", "1 interval without enough to judge by: note of battle is open: last time it fails: x"],
    ["error", "4 measurements in a row could not be made: measuring could not be measured: it fails: x"],
    ["failed", "errorRate of battle fails: green 30 faults in 50 requests"],
    ["stranded", "the state cannot go back; errorRate of battle fails: green 30 faults in 50 requests"],
    ["abandoned", "its deployer is gone, and the state is with the new revision"],
    ["unknown", "because I said so"],
  ])("%s: %s", (code, text) => {
    expect(held(text)).toEqual({ code, text });
  });

  test("unknown if the sentence is missing too", () => {
    expect(holdOf({ mode: "held" })).toEqual({ code: "unknown", text: "" });
  });
});

describe("a message that holds a table", () => {
  test("has a code for a router that accepts it, and only the sentence for others", () => {
    const text = "a gate at 5 % waits for fleet promote";
    expect(holdFields({ holdCodes: [...HOLD_CODES] }, "gate", text)).toEqual({
      hold: text,
      holdCode: "gate",
    });
    expect(holdFields({ holdCodes: ["paused"] }, "gate", text)).toEqual({ hold: text });
    expect(holdFields({}, "gate", text)).toEqual({ hold: text });
  });

  test("has its sentence cut to the length that a router keeps", () => {
    expect(holdFields({}, "failed", "x".repeat(400)).hold).toHaveLength(300);
  });
});
