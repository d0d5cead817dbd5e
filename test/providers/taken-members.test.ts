import { expect, test } from "vitest";
import { givenUpText } from "../../providers/release/taken-members.ts";
import { FleetError } from "../../src/core/errors.ts";

const own = { name: "battle", processId: "b", generation: 1 };
const failed = (code: string) => new FleetError({ code, what: "no", remedy: "none" });

test.each([
  [own, undefined, "battle b was retired."],
  [own, failed("NO_REPLY"), "battle b is not retired (it did not answer)."],
  [own, failed("STALE_EPOCH"), "battle b is not retired (STALE_EPOCH)."],
  [
    { ...own, lib: false as const },
    undefined,
    "This run gave up battle b, which keeps answering: it has no library that could refuse requests.",
  ],
])("of two processes of a member, the one that is given up: %j, %s", (one, failure, text) => {
  expect(givenUpText(one, failure)).toBe(text);
});
