import { describe, expect, test } from "vitest";
import { doraOf, figuresOf, type Run } from "../../src/monitor/deployments.ts";
import { LIMITS } from "../../src/monitor/limits.ts";
import { judgeDeployments } from "../../src/monitor/rules.ts";
import { performanceOf } from "../../src/monitor/statistics.ts";
import { figureLines } from "../../src/operations/observe/figure-lines.ts";

const HOUR = 3_600_000;
const run = (hour: number, status: string, seconds = 60, rolledBack = false): Run => ({
  deploymentId: `d${hour}`,
  startedAt: hour * HOUR,
  ...(status === "RUNNING" ? {} : { finishedAt: hour * HOUR + seconds * 1000 }),
  status,
  rolledBack,
});

test("the guide's statistics are counted from the ledger's runs", () => {
  const runs = [
    run(0, "COMPLETED", 100),
    run(1, "FAILED", 50),
    run(2, "COMPLETED", 60, true),
    run(3, "RUNNING"),
  ];
  expect(figuresOf(runs)).toEqual({
    totalDeployments: 4,
    successfulDeployments: 1,
    failedDeployments: 2,
    rolledBackDeployments: 1,
    activeDeployments: 1,
    finishedDeployments: 3,
    averageDeploymentTime: 70,
    rollbackRate: 25,
  });
  const held: Run = { deploymentId: "h", startedAt: 0, finishedAt: 1000, status: "HELD", rolledBack: false };
  const { successfulDeployments, failedDeployments } = figuresOf(runs);
  expect(figuresOf([...runs, held])).toMatchObject({ successfulDeployments, failedDeployments });
  expect(doraOf([held], [], 2000)).toMatchObject({ deploymentFrequency: 0, changeFailureRate: null });
  expect(figuresOf([])).toMatchObject({ totalDeployments: 0, averageDeploymentTime: 0, rollbackRate: 0 });
});

describe("rates are judged", () => {
  const held = (runs: Run[]) =>
    judgeDeployments(figuresOf(runs), "ledger", LIMITS)
      .filter(({ holds }) => holds)
      .map(({ type, message }) => `${type}: ${message}`);
  const good = (n: number, seconds?: number) =>
    Array.from({ length: n }, (_unused, i) => run(i, "COMPLETED", seconds));

  test("not after ten deployments", () => {
    expect(
      held([...good(5), ...Array.from({ length: 5 }, (_unused, i) => run(10 + i, "ROLLED_BACK"))]),
    ).toEqual([]);
  });
  test("after eleven: failures", () => {
    expect(held([...good(9), run(20, "FAILED"), run(21, "FAILED")])).toEqual([
      "DEPLOYMENT_FAILURE_RATE_HIGH: 18.2 % of 11 deployments failed, expected at most 10 %",
    ]);
    expect(held([...good(10), run(20, "FAILED")])).toEqual([]);
  });
  test("after eleven: rollbacks", () => {
    expect(held([...good(9), run(20, "ROLLED_BACK"), run(21, "ROLLED_BACK")])).toContain(
      "ROLLBACK_RATE_HIGH: 18.2 % of 11 deployments were rolled back, expected at most 15 %",
    );
  });
  test("but the deployment time from the first", () => {
    expect(held(good(1, 700))).toEqual([
      "DEPLOYMENT_TIME_EXCEEDED: deployments take 700 s on average, expected at most 600 s",
    ]);
  });
});

test("DORA: frequency, lead time, failures and restores within the window; null without measurements", () => {
  const now = 100 * HOUR;
  const runs = [
    run(10, "COMPLETED"),
    run(20, "FAILED"),
    run(21, "FAILED"),
    run(24, "COMPLETED"),
    run(40, "COMPLETED", 60, true),
    run(41, "COMPLETED", 120),
    run(99, "RUNNING"),
  ];
  const commits = [5, 12, 22, 23].map((hour) => hour * HOUR);
  expect(doraOf(runs, commits, now, 10)).toEqual({
    windowDays: 10,
    deploymentFrequency: 0.3,
    // Commits at 12, 22 and 23 reached the fleet with the run at 24; the one at 5 came before every run.
    leadTimeSeconds: 2 * 3600 + 60,
    changeFailureRate: 0.5,
    // 20 → 24 and 40 → 41: one outage each.
    timeToRestoreSeconds: (4 * 3600 + (3600 + 60)) / 2,
  });
  expect(doraOf([], [], now)).toEqual({
    windowDays: 30,
    deploymentFrequency: 0,
    leadTimeSeconds: null,
    changeFailureRate: null,
    timeToRestoreSeconds: null,
  });
  expect(doraOf(runs, [], now + 365 * 24 * HOUR)).toMatchObject({
    deploymentFrequency: 0,
    changeFailureRate: null,
  });
});

test("performance figures come from measurements, and are null without any", () => {
  const delta = (messages: number, errors: number) => ({ messages, errors, refused: 0, luaHeapKB: 0 });
  const rows = [
    { at: 0, name: "a", state: "HEALTHY" as const, responseMs: 10 },
    { at: 60_000, name: "a", state: "HEALTHY" as const, responseMs: 30, delta: delta(12, 3) },
    { at: 120_000, name: "a", state: "OFFLINE" as const },
  ];
  expect(performanceOf(rows, 2048)).toEqual({
    messageProcessingTime: 20,
    messageProcessingTimeP95: 30,
    throughput: 6,
    errorRate: 0.25,
    coordinatorMemoryUsage: 2,
    coordinatorCpuUsage: null,
    availability: 2 / 3,
  });
  expect(Object.values(performanceOf([])).every((value) => value === null)).toBe(true);
});

test("a missing measurement is printed as unknown, and a measured zero as a number", () => {
  const last = (messageProcessingTime: number | null, throughput: number | null) =>
    figureLines({
      deploymentStatistics: null,
      dora: null,
      performanceMetrics: { ...performanceOf([]), messageProcessingTime, throughput },
    });
  expect(last(null, null)).toEqual([
    "last hour: no check was answered, messages per minute unknown (the rate needs two answers of a process)",
  ]);
  expect(last(0.5, 0)).toEqual(["last hour: 0.5 ms per check, 0 messages per minute"]);
  const none = {
    ...{ totalDeployments: 0, successfulDeployments: 0, failedDeployments: 0, rolledBackDeployments: 0 },
    ...{ activeDeployments: 0, averageDeploymentTime: 0, rollbackRate: 0 },
  };
  const words = figureLines({
    deploymentStatistics: none,
    dora: doraOf([], [], 0),
    performanceMetrics: performanceOf([]),
  });
  expect(words.slice(0, 2)).toEqual([
    "deployments: none yet",
    "DORA, 30 days: 0.00 deployments per day, lead time unknown, change failure rate unknown, time to restore unknown",
  ]);
});
