import { describe, expect, test } from "vitest";
import { FaultRulesSchema, faultOf, matchesGlob } from "../../src/delivery/faults.ts";

describe("an answer counts as a fault without declared rules", () => {
  test.each([
    ["a tag Error", { Error: "Insufficient Balance!" }, "", "fault"],
    ["an action Error", { Action: "Error" }, "", "fault"],
    ["an action that ends in -Error", { Action: "Transfer-Error" }, "", "fault"],
    ["success: false", {}, '{"success":false}', "fault"],
    ["an empty tag Error", { Error: "" }, "", undefined],
    ["JSON of another shape", {}, '{"moves":222}', undefined],
    ["success: true", {}, '{"success":true}', undefined],
    ["success as a string", {}, '{"success":"false"}', undefined],
    ["a string", {}, "error: nothing", undefined],
    ["a number", {}, "0", undefined],
    ["nothing", {}, "", undefined],
    ["an action with Error inside", { Action: "Error-Free" }, "", undefined],
  ])("%s", (_what, tags, data, expected) => {
    expect(faultOf({ tags: tags as Record<string, string>, data })).toBe(expected);
  });
});

test("declared rules replace the default, and the first that matches decides", () => {
  const rules = FaultRulesSchema.parse([
    { tag: "Error", matches: "Insufficient*", as: "refusal" },
    { tag: "Error" },
    { field: "state.code", equals: 500 },
    { field: "failed" },
  ]);
  const of = (tags: Record<string, string>, data = "") => faultOf({ tags, data }, rules);
  expect(of({ Error: "Insufficient Balance!" })).toBe("refusal");
  expect(of({ Error: "index nil" })).toBe("fault");
  expect(of({}, '{"state":{"code":500}}')).toBe("fault");
  expect(of({}, '{"state":{"code":200},"failed":false}')).toBeUndefined();
  expect(of({}, '{"failed":"yes"}')).toBe("fault");
  expect(of({ Action: "Transfer-Error" }, '{"success":false}')).toBeUndefined();
  expect(faultOf({ tags: { Error: "x" }, data: "" }, [])).toBeUndefined();
});

test("a rule checks one field, in one way", () => {
  for (const rule of [{}, { tag: "A", field: "b" }, { tag: "A", equals: "x", matches: "y" }, { tga: "A" }])
    expect(FaultRulesSchema.safeParse([rule]).success, JSON.stringify(rule)).toBe(false);
});

test.each([
  ["*-Error", "Transfer-Error", true],
  ["*-Error", "Error", false],
  ["a*b*c", "a1b2c", true],
  ["a*b*c", "ac", false],
  ["a*a", "a", false],
  ["abc", "abc", true],
  ["*", "", true],
])("the pattern %s against %s: %s", (pattern, text, fits) => {
  expect(matchesGlob(pattern, text)).toBe(fits);
});
