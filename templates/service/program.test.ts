/** What index.ts declares, without a network: Pulumi's mocks stand for the engine. Lua errors fail it, too. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";

const declared: { readonly kind: string; readonly name: string }[] = [];
const namesOf = (kind: string) => declared.filter((each) => each.kind === kind).map(({ name }) => name);

before(async () => {
  const mocks: pulumi.runtime.Mocks = {
    newResource({ type, name, inputs }) {
      const kind = type.split(":").at(-1) ?? type;
      declared.push({ kind, name });
      const process = { processId: name.padEnd(43, "_"), generation: 1, health: { status: "HEALTHY" } };
      return { id: name, state: { ...inputs, ...(kind === "Process" ? process : {}) } };
    },
    call: () => ({}),
  };
  await pulumi.runtime.setMocks(mocks, "${PROJECT}", "dev");
  await import("./index.ts");
  await pulumi.runtime.disconnect();
});

test("declares every process", () => {
  assert.deepEqual(namesOf("Process").sort(), ["prices", "quotes", "router"]);
});

test("records them as one release", () => {
  assert.equal(namesOf("Release").length, 1);
});
