import { expect, test } from "vitest";
import { assertNotMoved } from "../../components/moved-stack.ts";
import { FleetError } from "../../src/core/errors.ts";
import { type MoveRecord, writeMove } from "../../src/fleet/move-record.ts";
import { temporaryFolder } from "../kit/folder.ts";

const FOLDER = temporaryFolder("moved-stack");
const files = (stack: string) => ({ home: FOLDER, project: "fleet", stack });
const settings = (values: Readonly<Record<string, string | undefined>>) => (key: string) => values[key];

test("a stack whose fleet was moved is not deployed, and the error names the way to undo it", async () => {
  const refusal = assertNotMoved(files("dev"), settings({ movedTo: "mainnet" }));
  await expect(refusal).rejects.toThrow(FleetError);
  await expect(refusal).rejects.toThrow("[STACK_MOVED]");
  await expect(refusal).rejects.toThrow("npx fleet move --stack mainnet --to dev");
});

test("the error names what retires and removes protected processes", async () => {
  const refusal = assertNotMoved(files("prod"), settings({ movedTo: "mainnet" }));
  await expect(refusal).rejects.toThrow("npx fleet call <name> RETIRE --control --stack prod");
  await expect(refusal).rejects.toThrow("npx pulumi state unprotect --all --stack prod");
  await expect(refusal).rejects.toThrow("unless retainOnDelete is set");
});

test.each([
  ["dev", { movingTo: "mainnet" }],
  ["mainnet", { movingFrom: "dev" }],
  // The fleet returns to a stack that it left.
  ["mainnet", { movingFrom: "dev", movedTo: "dev" }],
])("the stack %s of a move that has not ended is not deployed (%j)", async (stack, values) => {
  const refusal = assertNotMoved(files(stack), settings(values));
  await expect(refusal).rejects.toThrow("[STACK_MOVING]");
  await expect(refusal).rejects.toThrow("npx fleet move --stack dev --to mainnet");
  await expect(refusal).rejects.toThrow("npx pulumi config rm movingFrom --stack mainnet");
});

test.each([{}, { movedTo: "", movingTo: "", movingFrom: "" }])(
  "a stack without the settings is deployed (%j)",
  async (values) => {
    await expect(assertNotMoved(files("dev"), settings(values))).resolves.toBeUndefined();
  },
);

test.each([
  ["dev", { movingTo: "main net" }],
  ["main net", { movingFrom: "dev" }],
])(
  "the command that continues a move has all of its options, as words of a shell (%s)",
  async (stack, values) => {
    const side = (name: string) => ({
      stack: name,
      network: { kind: "local", protocol: "legacy", units: {} },
    });
    const record: MoveRecord = {
      ...{ version: 1, id: "m", from: side("dev"), to: side("main net"), startedAt: "", members: [] },
      ...{ phase: "copying", retires: true },
      options: { withoutState: ["admin", "it's"], acceptLoss: ["shop"], timeout: 600 },
    };
    const command = "npx fleet move --stack dev --to 'main net'";
    const options = " --without-state 'admin,it'\\''s' --accept-loss shop --retire --timeout 600";
    const refusal = () => assertNotMoved(files(stack), settings(values));
    for (const phase of ["copying", "opening"] as const) {
      await writeMove(files("dev"), { ...record, phase });
      await expect(refusal()).rejects.toThrow(`${command}${options}. To give`);
    }
    // The record of a move that has ended, or of one to another stack, is not about this one.
    for (const other of [{ phase: "moved" as const }, { to: side("else") }]) {
      await writeMove(files("dev"), { ...record, ...other });
      await expect(refusal()).rejects.toThrow(`${command}. To give`);
    }
  },
);
