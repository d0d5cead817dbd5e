import { expect, test } from "vitest";
import { assertNotMoved } from "../../components/moved-stack.ts";
import { FleetError } from "../../src/core/errors.ts";

test("a stack whose fleet was moved is not deployed, and the error names the way to undo it", () => {
  const refusal = () => assertNotMoved("dev", "mainnet");
  expect(refusal).toThrow(FleetError);
  expect(refusal).toThrow("[STACK_MOVED]");
  expect(refusal).toThrow("npx fleet move --stack mainnet --to dev");
});

test.each([undefined, ""])("a stack without the setting is deployed (%j)", (movedTo) => {
  expect(() => assertNotMoved("dev", movedTo)).not.toThrow();
});
