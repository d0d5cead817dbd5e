import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { endRun } from "../../providers/run/session.ts";
import { checked, createProcess, type Stack, simulatedStack } from "./fixture.ts";

/** A load that an earlier run sent, before that run's state was written. */

let stack: Stack;
afterEach(() => stack.close());

const isEval = (messageId: string | undefined): boolean =>
  stack
    .processesOf("battle")
    .flatMap(({ id }) => stack.net.oracle.messages(id))
    .some(({ id, tags }) => id === messageId && tags.Action === "Eval");

/** The compute unit has no result of any load yet. */
const noResultOfLoads = () =>
  stack.net.faults.add({
    on: "cu.result",
    match: ({ messageId }) => isEval(messageId),
    fault: { kind: "status", status: 202, body: '{"status":"evaluating"}' },
  });

const log = () => readFile(join(stack.scope.build, "logs", "deploy_output.txt"), "utf8").catch(() => "");

it("a load of an earlier run is awaited like any other, reported, and never sent again", async () => {
  stack = await simulatedStack();
  const first = await createProcess(await stack.inputs("battle"));
  // The next run knows of it only from the journal.
  await endRun();
  noResultOfLoads();
  const second = createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 60 }));
  await expect
    .poll(log, { timeout: 30_000, interval: 100 })
    .toMatch(/units +delayed .*\[NOT_EVALUATED\]: waiting for the result of the message/);
  stack.net.faults.clear();
  const outs = await second;
  expect(outs.health.status).toBe("HEALTHY");
  expect([outs.processId, outs.revision?.evalId]).toEqual([first.processId, first.revision?.evalId]);
  expect(stack.evalsOf("battle")).toBe(1);
}, 60_000);

it("such a load is not sent again by a run that times out before the result exists", async () => {
  stack = await simulatedStack();
  const first = await createProcess(await stack.inputs("battle"));
  await endRun();
  noResultOfLoads();
  const late = createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 2 }));
  await expect(late).rejects.toThrow(/BUDGET_SPENT/);
  expect(stack.evalsOf("battle")).toBe(1);
  stack.net.faults.clear();
  await endRun();
  const outs = await createProcess(await stack.inputs("battle"));
  expect(outs.revision?.evalId).toBe(first.revision?.evalId);
  expect(stack.evalsOf("battle")).toBe(1);
});

it("such a load is not awaited if it never arrived", async () => {
  stack = await simulatedStack();
  const made = await createProcess(await stack.inputs("battle"));
  stack.net.faults.add({ on: "mu.message", match: isLoad, fault: { kind: "reset" } });
  const next = await checked(await stack.inputs("battle", { state: { build: 2 } }, { timeoutSeconds: 2 }));
  await expect(lifecycle.update("id", made, next)).rejects.toThrow();
  expect(stack.evalsOf("battle")).toBe(1);
  stack.net.faults.clear();
  await endRun();
  const wanted = await checked(await stack.inputs("battle", { state: { build: 2 } }));
  const { outs } = await lifecycle.update("id", made, wanted);
  expect(outs.revision?.sourceHash).not.toBe(made.revision?.sourceHash);
  expect(stack.evalsOf("battle")).toBe(2);
});

const isLoad = ({ body }: { body: Buffer }) => body.includes("Eval");
