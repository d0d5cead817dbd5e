import { beforeAll, expect, test } from "vitest";
import { hashOf } from "../../src/core/hash.ts";
import { type Aos, address, boot } from "./aos.ts";
import { COUNTER } from "./programs.ts";

let base: Aos;

beforeAll(async () => {
  base = await boot("counter", { source: COUNTER });
}, 60_000);

const update = async (
  p: Aos,
  configType: string,
  configData: unknown,
  version: unknown = 1,
  more: object = {},
  epoch = "1",
) =>
  (
    await p.send({
      Action: "UPDATE_CONFIG",
      Epoch: epoch,
      Data: { configType, configData, version, hash: hashOf(configData), ...more },
    })
  ).reply?.data;
const held = async (p: Aos) => (await p.send({ Action: "GET_CONFIG" })).reply?.data.configs;

test.each([
  [
    "PROCESS_CONFIG",
    { processType: "COUNTER", maxConcurrentRequests: 100, requestTimeout: 30000, enableMetrics: true },
  ],
  ["PROCESS_CONFIG", {}],
  ["ENVIRONMENT_VARS", { A: "1", "b.c": "" }],
  ["RESOURCE_LIMITS", { maxMemoryMB: 512, maxConnections: 10, maxStorageMB: 0.5, maxCpuPercent: 100 }],
  ["SECURITY_CONFIG", { authLevel: "HIGH", encryptionEnabled: false }],
  ["LOGGING_CONFIG", { logLevel: "FATAL" }],
  ["MONITORING_CONFIG", { metricsEnabled: true, healthCheckInterval: 30000 }],
])("%s accepts %j", async (configType, configData) => {
  const p = await base.clone();
  const reply = await update(p, configType, configData);
  expect(reply).toMatchObject({ success: true, configType, version: 1, hash: hashOf(configData) });
  expect(await held(p)).toMatchObject({ [configType]: { configData, version: 1, hash: hashOf(configData) } });
  expect((await p.send({ Action: "Info" })).reply?.data.configVersions).toEqual({ [configType]: 1 });
});

test.each([
  ["PROCESS_CONFIG", { maxConcurrentRequests: 0 }, ["configData.maxConcurrentRequests"]],
  [
    "PROCESS_CONFIG",
    { maxConcurrentRequests: 1.5, requestTimeout: -1 },
    ["configData.maxConcurrentRequests", "configData.requestTimeout"],
  ],
  [
    "PROCESS_CONFIG",
    { enableMetrics: "yes", processType: 5, other: 1 },
    ["configData.enableMetrics", "configData.other", "configData.processType"],
  ],
  ["ENVIRONMENT_VARS", { A: 1 }, ["configData.A"]],
  ["RESOURCE_LIMITS", { maxCpuPercent: 0 }, ["configData.maxCpuPercent"]],
  [
    "RESOURCE_LIMITS",
    { maxCpuPercent: 101, maxMemoryMB: "1" },
    ["configData.maxCpuPercent", "configData.maxMemoryMB"],
  ],
  ["SECURITY_CONFIG", { authLevel: "" }, ["configData.authLevel"]],
  ["LOGGING_CONFIG", { logLevel: "debug" }, ["configData.logLevel"]],
  ["MONITORING_CONFIG", { healthCheckInterval: 0 }, ["configData.healthCheckInterval"]],
  ["NO_CONFIG", {}, ["configType"]],
  ["LOGGING_CONFIG", [{ logLevel: "INFO" }], ["configData"]],
])(
  "%s refuses %j, names every problem and keeps the earlier values",
  async (configType, configData, paths) => {
    const p = await base.clone();
    await update(p, "LOGGING_CONFIG", { logLevel: "WARN" });
    const before = await held(p);
    const error = (await update(p, configType, configData, 2))?.error as
      | { code: string; problems: { path: string; got: string; expected: string }[] }
      | undefined;
    expect(error?.code).toBe("INVALID_CONFIG");
    expect(error?.problems.map((problem) => problem.path)).toEqual(paths);
    for (const problem of error?.problems ?? []) expect([problem.got, problem.expected]).not.toContain("");
    expect(await held(p)).toEqual(before);
  },
);

test("settings that AO cannot enforce are reported", async () => {
  const p = await base.clone();
  const reply = await update(p, "RESOURCE_LIMITS", { maxMemoryMB: 1, maxCpuPercent: 50, maxStorageMB: 1 });
  expect(reply?.notEnforceable).toEqual(["maxCpuPercent", "maxStorageMB"]);
  const health = (
    await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "PERFORMANCE" } } })
  ).reply?.data;
  expect(health?.checks).toContainEqual(expect.objectContaining({ name: "luaHeap", status: "DEGRADED" }));
});

test.each([
  [2, 1, false],
  [2, 2, true],
  [2, 3, true],
  ["1.9.0", "1.10.0", true],
  ["1.10.0", "1.9.0", false],
  ["1.0.0", "1.0", true],
  ["2.0.0-beta", "2.0.0-alpha", false],
  [1, "1.0.1", true],
])("version %j, then %j: accepted %s", async (first, second, taken) => {
  const p = await base.clone();
  await update(p, "LOGGING_CONFIG", { logLevel: "WARN" }, first);
  expect((await update(p, "LOGGING_CONFIG", { logLevel: "WARN" }, second))?.success).toBe(taken);
});

test("the same version with other content is refused; an older version needs a later epoch and an explicit request", async () => {
  const p = await base.clone();
  const warn = { logLevel: "WARN" };
  await update(p, "LOGGING_CONFIG", warn, 2, {}, "5");
  expect((await update(p, "LOGGING_CONFIG", { logLevel: "INFO" }, 2, {}, "5"))?.error?.code).toBe(
    "INVALID_CONFIG",
  );
  expect((await update(p, "LOGGING_CONFIG", warn, 1, { rollback: true }, "5"))?.success).toBe(false);
  expect((await update(p, "LOGGING_CONFIG", warn, 1, {}, "6"))?.success).toBe(false);
  expect((await update(p, "LOGGING_CONFIG", warn, 1, { rollback: true }, "6"))?.success).toBe(true);
});

test.each([
  ["STARTUP", ["STARTUP"]],
  ["READINESS", ["READINESS"]],
  ["LIVENESS", ["LIVENESS"]],
  ["PERFORMANCE", ["PERFORMANCE"]],
  ["ALL", ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"]],
  ["POST_DEPLOYMENT", ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"]],
  ["ROLLBACK_VERIFICATION", ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"]],
  ["PRE_DEPLOYMENT", ["LIVENESS"]],
  ["CONTINUOUS", ["LIVENESS", "PERFORMANCE"]],
])("health %s runs %j", async (checkType, kinds) => {
  const reply = (
    await base.send({
      From: address("x"),
      Action: "HEALTH_CHECK",
      Data: { healthCheck: { checkType, nonce: "n" } },
    })
  ).reply?.data;
  const checks = reply?.checks as { checkType: string }[];
  expect([...new Set(checks.map((check) => check.checkType))]).toEqual(kinds);
  expect(reply).toMatchObject({
    healthStatus: "HEALTHY",
    nonce: "n",
    version: "1.0.0",
    release: "r1",
    epoch: 1,
    slot: base.slot,
  });
});

test("health: an unexpected version or code is UNHEALTHY, and so are a failing check and a broken invariant", async () => {
  const p = await base.clone();
  const health = async (healthCheck: object) =>
    (await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck } })).reply?.data;
  const info = (await p.send({ Action: "Info" })).reply?.data;
  const right = { expectedVersion: "1.0.0", expectedSourceHash: info?.sourceHash };
  expect((await health(right))?.healthStatus).toBe("HEALTHY");
  expect((await health({ ...right, expectedVersion: "1.0.1" }))?.healthStatus).toBe("UNHEALTHY");
  expect((await health({ ...right, expectedSourceHash: "0" }))?.healthStatus).toBe("UNHEALTHY");
  expect((await health({ ...right, checkType: "SOMETIMES" }))?.error?.code).toBe("INVALID_DATA");
  await p.eval("Fleet.store.states.counter.n = 1000");
  expect((await health(right))?.checks).toContainEqual({
    name: "room",
    checkType: "LIVENESS",
    status: "UNHEALTHY",
    detail: "n is 1000",
  });
  await p.eval("Fleet.store.states.counter.n = -1");
  const broken = await health(right);
  expect(broken?.healthStatus).toBe("UNHEALTHY");
  expect(broken?.checks).toContainEqual(
    expect.objectContaining({ name: "invariant never below zero", status: "UNHEALTHY" }),
  );
});

test("statistics are counts", async () => {
  const p = await boot("counter", { source: COUNTER });
  const started = p.now;
  for (let i = 0; i < 3; i++) await p.send({ From: address("x"), Action: "PING" });
  await p.send({ From: address("x"), Action: "invented" });
  await p.send({ From: address("x"), Action: "ADD", Data: { by: 0 } });
  const statistics = (await p.send({ Action: "GET_STATISTICS" })).reply?.data.statistics as Record<
    string,
    unknown
  >;
  expect(statistics).toMatchObject({
    messages: 6,
    errors: 0,
    refused: 2,
    staleEpochs: 0,
    byAction: { PING: 3, ADD: 1, GET_STATISTICS: 1 },
    startedAt: started,
    lastMessageAt: p.now,
    openCalls: 0,
  });
  const heap = (await p.value('collectgarbage("count")')) as number;
  expect(Math.abs(Number(statistics.luaHeapKB) - heap)).toBeLessThan(500);
});
