import { afterEach, expect, test } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { makeWallet } from "../ao/wallets.ts";
import { checked, createProcess, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(() => stack.close());

const tags = { "Cron-Interval": "10-minutes", "Cron-Tag-Action": "TICK" };

/** Makes the messenger unit forget a process' crons, like one that lost its cache; false if it drove none. */
async function forget(processId: string): Promise<boolean> {
  const { raw } = await (await makeWallet()).sign({ data: "monitor", tags: [], target: processId });
  const answer = await fetch(`${stack.net.endpoints.muUrl}/monitor/${processId}`, {
    method: "DELETE",
    headers: { "content-type": "application/octet-stream" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
  await answer.text();
  return answer.ok;
}

test("a refresh requests crons again that a messenger unit forgot, and finds nothing wrong", async () => {
  stack = await simulatedStack();
  const clock = await createProcess(await stack.inputs("clock", {}, { tags }));
  expect(await forget(clock.processId)).toBe(true);
  const { props } = await lifecycle.read("clock", clock);
  expect(props).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
  expect(await forget(clock.processId)).toBe(true);
  // A unit that does not answer is not a finding about the process.
  stack.net.faults.add({ on: "mu.monitor", fault: { kind: "status", status: 403, body: "Forbidden" } });
  const again = await lifecycle.read("clock", props);
  expect(again.props).toEqual(props);
});

test("a stack that removes a cron stops it, and announces that in the plan", async () => {
  stack = await simulatedStack();
  const clock = await createProcess(await stack.inputs("clock", {}, { tags }));
  const without = await checked(await stack.inputs("clock", {}, {}));
  expect(await lifecycle.diff("clock", clock, without)).toMatchObject({ changes: true });
  const { outs } = await lifecycle.update("clock", clock, without);
  expect(await forget(clock.processId)).toBe(false);
  expect(await lifecycle.diff("clock", outs, without)).toMatchObject({ changes: false });
});
