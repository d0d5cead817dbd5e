/** A run that returns to a revision which refuses requests, while the router's process is created or replaced next to it. */
import { afterEach, expect, it } from "vitest";
import { z } from "zod";
import { spawnGeneration } from "../../providers/process/ensure-process.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { ProcessInputs, ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { checked, createProcess, type Stack, simulatedStack, statusOf } from "./fixture.ts";

let stack: Stack;
afterEach(async () => {
  delete process.env.FLEET_REPLACE;
  await stack.close();
});

const BESIDE = { strategy: { kind: "new-process", router: "gate", retention: {} } };
const shop = async (slow: number) => checked(await stack.inputs("shop", { slow }, { ...BESIDE }));
const update = async (olds: ProcessOutputs, slow: number) =>
  (await lifecycle.update("id", olds, await shop(slow))).outs;
const session = () => sessionFor(stack.scope, { kind: "legacy", ...stack.net.endpoints });

/** Two revisions, of which the first refuses requests. */
async function drained(): Promise<{ blue: ProcessOutputs; green: ProcessOutputs }> {
  stack = await simulatedStack();
  const blue = await createProcess(await shop(1));
  const green = await update(blue, 2);
  const { name, processId, generation } = blue;
  const own = await session();
  const epoch = await own.deployment.epoch();
  const request = { name, processId, generation, action: "DRAIN", epoch };
  await ask(own, request, z.looseObject({}), budgetOf(10));
  return { blue, green };
}

it("it is resumed if the router is spawned and has no code yet: it never had a table", async () => {
  const { blue, green } = await drained();
  const gate = (await checked(await stack.inputs("gate"))) as ProcessInputs;
  const own = await session();
  await spawnGeneration(own, gate, 1, stack.net.module, own.budget(10));
  const back = await update(green, 1);
  expect([back.processId, statusOf(stack, blue.processId)]).toEqual([blue.processId, "ACTIVE"]);
});

it("it is resumed if the router is ruined and this run replaces it: its table is lost", async () => {
  const { blue, green } = await drained();
  const gate = await createProcess(await stack.inputs("gate"));
  const isRouters = ({ messageId }: { messageId?: string }) =>
    stack.net.oracle.messages(gate.processId).some(({ id }) => id === messageId);
  const body = '{"error":"HashChain invalid"}';
  stack.net.faults.add({ on: "cu.result", match: isRouters, fault: { kind: "status", status: 422, body } });
  await endRun();
  process.env.FLEET_REPLACE = "gate";
  await update(green, 1);
  expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
});
