import { expect, test } from "vitest";
import { ApprovalSchema } from "../../src/delivery/approval.ts";

test("an approval is read", () => {
  const approval = { approvedBy: "judge", promoted: [] };
  expect(ApprovalSchema.parse(approval)).toEqual(approval);
});

test.each([{ promoted: [] }, { approvedBy: "nobody", promoted: [] }, null, "judge"])(
  "anything else is no approval: %j",
  (raw) => {
    expect(ApprovalSchema.safeParse(raw).success).toBe(false);
  },
);
