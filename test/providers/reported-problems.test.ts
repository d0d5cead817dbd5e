import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { FailureEvent, StepEvent } from "../../src/fleet/session/progress.ts";
import { readSteps } from "../../src/operations/deploy/steps.ts";
import { failureOf } from "../kit/failure.ts";
import { checked, createProcess, partialFailureOf, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(async () => {
  vi.unstubAllEnvs();
  await stack.close();
});

const problemsOf = (error: unknown) => (error instanceof FleetError ? error.problems : undefined);

/** The events of a run, which `fleet deploy` reads. */
async function eventsOf(home: string): Promise<{ steps: StepEvent[]; failures: FailureEvent[] }> {
  const steps: StepEvent[] = [];
  const failures: FailureEvent[] = [];
  await readSteps(join(home, "events.jsonl"), {
    onStep: (event) => steps.push(event),
    onFailure: (event) => failures.push(event),
  });
  return { steps, failures };
}

test("a step that failed reports its problems as data, complete", async () => {
  stack = await simulatedStack();
  const outs = await createProcess(await stack.inputs("shop"));
  vi.stubEnv("FLEET_EVENTS", join(stack.home, "events.jsonl"));
  const bad = await checked(await stack.inputs("shop", { evalError: "attempt to index a nil value" }));
  const error = await partialFailureOf(lifecycle.update("id", outs, bad));
  const problems = problemsOf(error.cause);
  expect(problems).toMatchObject([{ code: "LUA_ERROR", remedy: expect.any(String) }]);
  const { steps } = await eventsOf(stack.home);
  expect(steps.at(-1)).toMatchObject({ name: "shop", phase: "failed", code: "LUA_ERROR", problems });
});

test("a secret of the config is in no event and no log", async () => {
  stack = await simulatedStack();
  const secret = "canary-5d1";
  vi.stubEnv("FLEET_EVENTS", join(stack.home, "events.jsonl"));
  lifecycle.configure({ get: () => undefined, rawConfig: { "game:cuUrl": secret } });
  onTestFinished(() => lifecycle.configure({ get: () => undefined, rawConfig: {} }));
  const outs = await createProcess(await stack.inputs("battle"));
  const bad = await checked(await stack.inputs("battle", { evalError: `no answer from ${secret}` }));
  await partialFailureOf(lifecycle.update("id", outs, bad));
  const other = await checked(await stack.inputs("battle", {}, { module: `${secret}${"x".repeat(33)}` }));
  await failureOf(lifecycle.diff("id", outs, other));
  const { steps, failures } = await eventsOf(stack.home);
  for (const event of [steps.at(-1), failures.at(-1)])
    expect(JSON.stringify(event?.problems)).toContain("[secret]");
  const logs = join(stack.scope.build, "logs");
  const files = [join(stack.home, "events.jsonl"), ...readdirSync(logs).map((name) => join(logs, name))];
  for (const file of files) expect(readFileSync(file, "utf8"), file).not.toContain(secret);
});

test("a failure outside a step is reported under its member", async () => {
  stack = await simulatedStack();
  const outs = await createProcess(await stack.inputs("battle"));
  vi.stubEnv("FLEET_EVENTS", join(stack.home, "events.jsonl"));
  const other = await checked(await stack.inputs("battle", {}, { module: "x".repeat(43) }));
  const error = await failureOf(lifecycle.diff("id", outs, other));
  const problems = problemsOf(error);
  expect(problems).toMatchObject([{ code: "MODULE_FIXED" }]);
  const { steps, failures } = await eventsOf(stack.home);
  expect(failures).toMatchObject([{ member: "battle", problems }]);
  expect(steps).toEqual([]);
});
