import { expect, test } from "vitest";
import { ApprovalSchema } from "../../src/delivery/index.ts";

test.each([
  ["approvedBy", { approvedBy: "judge" }],
  ["its earlier name, letThrough", { letThrough: "judge" }],
])("an approval is read with %s", (_, field) => {
  expect(ApprovalSchema.parse({ ...field, promoted: [] })).toEqual({ approvedBy: "judge", promoted: [] });
});

test.each([{ promoted: [] }, { letThrough: "nobody", promoted: [] }, null, "judge"])(
  "anything else is no approval: %j",
  (raw) => {
    expect(ApprovalSchema.safeParse(raw).success).toBe(false);
  },
);
