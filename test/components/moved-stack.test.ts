import { expect, test } from "vitest";
import { assertNotMoved } from "../../components/moved-stack.ts";
import { FleetError } from "../../src/core/errors.ts";

const settings = (values: Readonly<Record<string, string | undefined>>) => (key: string) => values[key];

test("a stack whose fleet was moved is not deployed, and the error names the way to undo it", () => {
  const refusal = () => assertNotMoved("dev", settings({ movedTo: "mainnet" }));
  expect(refusal).toThrow(FleetError);
  expect(refusal).toThrow("[STACK_MOVED]");
  expect(refusal).toThrow("npx fleet move --stack mainnet --to dev");
});

test("the error names what retires and removes protected processes", () => {
  const refusal = () => assertNotMoved("prod", settings({ movedTo: "mainnet" }));
  expect(refusal).toThrow("npx fleet call <name> RETIRE --control --stack prod");
  expect(refusal).toThrow("npx pulumi state unprotect --all --stack prod");
  expect(refusal).toThrow("unless retainOnDelete is set");
});

test.each([
  ["dev", { movingTo: "mainnet" }],
  ["mainnet", { movingFrom: "dev" }],
  // The fleet returns to a stack that it left.
  ["mainnet", { movingFrom: "dev", movedTo: "dev" }],
])("the stack %s of a move that has not ended is not deployed (%j)", (stack, values) => {
  const refusal = () => assertNotMoved(stack, settings(values));
  expect(refusal).toThrow("[STACK_MOVING]");
  expect(refusal).toThrow("npx fleet move --stack dev --to mainnet");
  expect(refusal).toThrow("npx pulumi config rm movingFrom --stack mainnet");
});

test.each([{}, { movedTo: "", movingTo: "", movingFrom: "" }])(
  "a stack without the settings is deployed (%j)",
  (values) => {
    expect(() => assertNotMoved("dev", settings(values))).not.toThrow();
  },
);
