import { describe, expect, test } from "vitest";
import type { EngineEvent } from "../../src/operations/deploy/engine.ts";
import { engineKilled } from "../../src/operations/deploy/failure.ts";
import { Progress } from "../../src/operations/deploy/progress.ts";
import type { DeployOutcome, DeployStatus } from "../../src/operations/deploy/run.ts";
import { mayHaveChanged, standing } from "../../src/operations/deploy/standing.ts";
import { began, ended, failed } from "./fakes.ts";

/** A run with this end, after these events. */
function outcome(
  status: DeployStatus,
  events: readonly Partial<EngineEvent>[],
  failures: DeployOutcome["failures"] = [],
): DeployOutcome {
  const progress = new Progress();
  for (const event of events) progress.apply({ sequence: 0, timestamp: 0, ...event }, 0);
  const more = { deploymentId: "d", attempts: 1, seconds: 1, busy: [], holders: [], log: "" };
  return { ...more, status, progress, failures };
}

const killed = [{ problems: [engineKilled("SIGKILL")] }];
const ofTraffic = [{ member: "traffic", problems: [{ code: "X", what: "No.", remedy: "Look." }] }];
const handingOver = began("Traffic", "rolling-traffic", "update");

describe("a run whose pulumi was killed", () => {
  test("lists what was in the middle of a step as unfinished", () => {
    const ran = outcome("failed", [began("Process", "battle"), handingOver], killed);
    expect(standing(ran, undefined)).toMatchObject({
      unfinished: ["battle", "traffic"],
      failed: [],
      done: [],
    });
  });

  test.each<[string, DeployOutcome, boolean]>([
    ["a step began", outcome("failed", [handingOver], killed), true],
    ["no event arrived", outcome("failed", [], killed), true],
  ])("may have changed something: %s", (_, ran, expected) => {
    expect(mayHaveChanged(ran)).toBe(expected);
  });
});

test.each<[string, DeployOutcome, boolean]>([
  ["timed out with a step in progress", outcome("timeout", [handingOver]), true],
  [
    "failed in a step",
    outcome("failed", [handingOver, ...failed("Traffic", "rolling-traffic", "No.")], ofTraffic),
    true,
  ],
  ["completed one step", outcome("failed", [began("Process", "a"), ended("Process", "a")]), true],
  ["only found unchanged resources", outcome("failed", [ended("Process", "a", "same")]), false],
  [
    "was locked out by another run",
    outcome("occupied", [handingOver, ...failed("Traffic", "t", "No.")], ofTraffic),
    false,
  ],
])("tells whether a run may have changed something that %s", (_, ran, expected) => {
  expect(mayHaveChanged(ran)).toBe(expected);
});
