import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
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
