import { describe, expect, test } from "vitest";
import { ruleOf } from "../../src/fleet/config/rules.ts";
import { AdminLimitsSchema, LIMITS, LimitsSchema } from "../../src/monitor/limits.ts";
import { address, OWNER, type ReplyData } from "./aos.ts";
import { fleet, type World } from "./world.ts";

const STRANGER = address("stranger");
const PEERS = { admin: ["security", "ghost"], security: ["admin"] };

async function send(
  w: World,
  action: string,
  data: object = {},
  more: object = {},
  to = "admin",
): Promise<ReplyData> {
  return (await w.send(to, { Action: action, Data: data, ...more })).reply?.data ?? {};
}
const world = () => fleet(["admin", "security"], { peers: PEERS });
const alone = () => fleet(["admin", "security"], { peers: { admin: ["security"], security: ["admin"] } });
const alerts = async (w: World) =>
  ((await send(w, "ALERT_MANAGEMENT")).alerts as ReplyData[]).map((each) => [
    each.type,
    each.source,
    each.state,
  ]);

describe("ADMIN_HEALTH_CHECK", () => {
  test("asks one process and returns its verdict and the ids of the request", async () => {
    const w = await world();
    const reply = await send(w, "ADMIN_HEALTH_CHECK", {
      targetProcessId: w.get("security").id,
      validationId: "v1",
      deploymentId: "d1",
      requestedBy: "deployer",
      urgency: "HIGH",
    });
    expect(reply).toMatchObject({
      success: true,
      validationId: "v1",
      deploymentId: "d1",
      healthStatus: "HEALTHY",
      passed: true,
      urgency: "HIGH",
    });
    expect(reply.results).toMatchObject({
      [w.get("security").id]: {
        name: "security",
        state: "HEALTHY",
        version: "1.0.0",
        responseMs: expect.any(Number),
      },
    });
  });

  test("without a target asks all; a process that does not answer is missed, and OFFLINE after three times", async () => {
    const w = await world();
    for (const miss of [1, 2, 3]) {
      expect((await w.send("admin", { Action: "ADMIN_HEALTH_CHECK" })).reply).toBeUndefined();
      w.advance(5_000);
      const later = await w.send("admin", { From: STRANGER, Action: "SYSTEM_STATUS" });
      const verdict = later.deliveries.find((each) => each.action === "ADMIN_HEALTH_CHECK-Response");
      expect(verdict?.data).toMatchObject({
        healthStatus: "OFFLINE",
        passed: false,
        retryAfterSeconds: 10,
        counts: { HEALTHY: 1, OFFLINE: 1 },
      });
      const processes = (await send(w, "SYSTEM_STATUS")).processes as Record<string, ReplyData>;
      const ghost = Object.values(processes).find((each) => each.name === "ghost");
      expect(ghost).toMatchObject({ misses: miss, state: miss === 3 ? "OFFLINE" : "UNKNOWN" });
    }
    expect(await send(w, "SYSTEM_STATUS")).toMatchObject({ systemStatus: "OFFLINE", passed: false });
    expect(await alerts(w)).toContainEqual(["PROCESS_OFFLINE", "ghost", "OPEN"]);
  });

  test("is for deployers and peers", async () => {
    const w = await world();
    expect((await send(w, "ADMIN_HEALTH_CHECK", {}, { From: STRANGER })).error?.code).toBe("FORBIDDEN");
    // Of an id that is not monitored, nothing is kept.
    for (const each of ["one", "two"]) {
      await w.send("admin", { Action: "ADMIN_HEALTH_CHECK", Data: { targetProcessId: address(each) } });
      w.advance(60_000);
    }
    await w.send("admin", { Action: "Info" });
    const known = await w.get("admin").value(`Fleet.store.states.targets.known`);
    for (const each of ["one", "two"]) expect(known).not.toHaveProperty([address(each)]);
    expect((await send(w, "ADMIN_HEALTH_CHECK", { targetProcessId: "a b" })).error?.code).toBe(
      "INVALID_DATA",
    );
  });
});

test("a round starts when the interval is over, however often it is requested, and alerts once", async () => {
  const w = await alone();
  expect(await send(w, "PERIODIC_HEALTH_CHECK", {}, { Cron: true })).toMatchObject({ asked: 1, round: 1 });
  expect(await send(w, "PERIODIC_HEALTH_CHECK", {}, { Cron: true })).toMatchObject({ asked: 0, round: 1 });
  expect((await send(w, "PERIODIC_HEALTH_CHECK", {}, { From: STRANGER })).error?.code).toBe("FORBIDDEN");
  await send(w, "RETIRE", {}, { Epoch: "1" }, "security");
  for (let i = 0; i < 2; i++) {
    w.advance(30_000);
    expect(await send(w, "PERIODIC_HEALTH_CHECK")).toMatchObject({ asked: 1 });
  }
  // Retired, it still answers, and its continuous checks pass.
  expect(await alerts(w)).toEqual([]);
  w.lose = (delivery) => delivery.action === "HEALTH_CHECK";
  for (let i = 0; i < 4; i++) {
    w.advance(30_000);
    await send(w, "PERIODIC_HEALTH_CHECK");
  }
  expect((await alerts(w)).sort()).toEqual([
    ["HEALTH_CHECK_FAILURE_RATE_HIGH", "fleet", "OPEN"],
    ["PROCESS_OFFLINE", "security", "OPEN"],
  ]);
  w.lose = undefined;
  w.advance(30_000);
  await send(w, "PERIODIC_HEALTH_CHECK");
  expect((await alerts(w)).map(([, , state]) => state)).toEqual(["RESOLVED", "RESOLVED"]);
  expect((await send(w, "MONITORING_STATISTICS")).statistics).toMatchObject({
    rounds: 8,
    checks: 8,
    answered: 4,
    failed: 4,
    averageResponseMs: expect.any(Number),
  });
});

describe("a peer without the library", () => {
  const MUTE = { state: "UNKNOWN", code: "LIB_REQUIRED", detail: expect.stringContaining("fleet status") };
  const wired = (w: World, withoutLibrary: string[]) => w.wire(PEERS, 1, withoutLibrary);
  const ghostOf = async (w: World) =>
    Object.values((await send(w, "SYSTEM_STATUS")).processes as Record<string, ReplyData>).find(
      ({ name }) => name === "ghost",
    );

  test("is never asked, is UNKNOWN with the reason, raises no alert, and counts as neither healthy nor unhealthy", async () => {
    const w = await fleet(["admin", "security"], { peers: PEERS, withoutLibrary: ["ghost"] });
    const ghost = address("absent-ghost");
    for (let round = 0; round < 4; round++) {
      const { reply, deliveries } = await w.send("admin", { Action: "PERIODIC_HEALTH_CHECK" });
      expect(reply?.data).toMatchObject({ asked: 1 });
      expect(deliveries.filter(({ target }) => target === ghost)).toEqual([]);
      w.advance(30_000);
    }
    expect(await send(w, "SYSTEM_STATUS")).toMatchObject({
      systemStatus: "HEALTHY",
      passed: true,
      counts: { HEALTHY: 1, OFFLINE: 0, UNKNOWN: 1, total: 2 },
      processes: { [ghost]: { name: "ghost", misses: 0, ...MUTE } },
    });
    expect(await alerts(w)).toEqual([]);
    expect(await send(w, "ADMIN_HEALTH_CHECK")).toMatchObject({
      healthStatus: "HEALTHY",
      passed: true,
      results: { [ghost]: { name: "ghost", healthStatus: "UNKNOWN", ...MUTE } },
    });
    // No verdict without an answer: neither unhealthy, nor fit for a release.
    for (const targetProcessId of ["ghost", ghost])
      expect(await send(w, "ADMIN_HEALTH_CHECK", { targetProcessId })).toMatchObject({
        healthStatus: "UNKNOWN",
        passed: false,
        results: { [ghost]: { name: "ghost", ...MUTE } },
      });
    expect((await send(w, "MONITORING_STATISTICS")).statistics).toMatchObject({ checks: 5, failed: 0 });
    const { error } = await send(
      w,
      "GRACEFUL_SHUTDOWN",
      { targetProcesses: ["security", "ghost"] },
      { Epoch: "5" },
    );
    expect(error).toMatchObject({ code: "LIB_REQUIRED", message: expect.stringMatching(/: ghost$/) });
  });

  test("is no longer OFFLINE once the wiring marks it, and its alert is resolved; with the library it is asked again", async () => {
    const w = await world();
    for (let round = 0; round < 4; round++) {
      await send(w, "PERIODIC_HEALTH_CHECK");
      w.advance(30_000);
    }
    expect(await ghostOf(w)).toMatchObject({ state: "OFFLINE" });
    // A check is in progress when the wiring arrives: its missing answer does not count.
    await send(w, "PERIODIC_HEALTH_CHECK");
    await wired(w, ["ghost"]);
    expect(await ghostOf(w)).toMatchObject(MUTE);
    expect(await send(w, "SYSTEM_STATUS")).toMatchObject({ systemStatus: "HEALTHY", passed: true });
    for (let round = 0; round < 2; round++) {
      w.advance(30_000);
      await send(w, "PERIODIC_HEALTH_CHECK");
    }
    expect((await alerts(w)).sort()).toEqual([
      ["HEALTH_CHECK_FAILURE_RATE_HIGH", "fleet", "RESOLVED"],
      ["PROCESS_OFFLINE", "ghost", "RESOLVED"],
    ]);
    await wired(w, []);
    w.advance(30_000);
    expect(await send(w, "PERIODIC_HEALTH_CHECK")).toMatchObject({ asked: 2 });
  });
});

test("during maintenance checks continue without alerts", async () => {
  const w = await alone();
  expect(
    (await send(w, "MAINTENANCE_MODE", { enabled: true, reason: "r" }, { From: STRANGER })).error?.code,
  ).toBe("FORBIDDEN");
  expect(await send(w, "MAINTENANCE_MODE", { enabled: true, reason: "upgrade" })).toMatchObject({
    enabled: true,
    reason: "upgrade",
  });
  w.lose = (delivery) => delivery.action === "HEALTH_CHECK";
  for (let i = 0; i < 5; i++) {
    await send(w, "PERIODIC_HEALTH_CHECK");
    w.advance(30_000);
  }
  expect((await alerts(w)).filter(([type]) => type === "PROCESS_OFFLINE")).toEqual([]);
  expect(await send(w, "SYSTEM_STATUS")).toMatchObject({
    systemStatus: "OFFLINE",
    maintenance: { enabled: true, reason: "upgrade" },
  });
});

test("thresholds are checked, stored and used; MONITORING_CONFIG sets the interval", async () => {
  const w = await alone();
  expect(
    (await send(w, "HEALTH_THRESHOLD_CONFIG", { thresholds: { healthyShare: 2, unknown: 1 } })).error,
  ).toMatchObject({
    code: "INVALID_DATA",
    problems: [{ path: "thresholds.healthyShare" }, { path: "thresholds.unknown" }],
  });
  const config = {
    configType: "MONITORING_CONFIG",
    configData: { healthCheckInterval: 60_000 },
    version: 1,
  };
  await send(w, "UPDATE_CONFIG", config, { Epoch: "1" });
  const first = await send(w, "PERIODIC_HEALTH_CHECK");
  expect(Number(first.nextAt) - w.get("admin").now).toBeGreaterThan(50_000);
  expect(
    (await send(w, "HEALTH_THRESHOLD_CONFIG", { thresholds: { intervalMs: 1000, missesToOffline: 1 } }))
      .thresholds,
  ).toMatchObject({
    intervalMs: 1000,
    missesToOffline: 1,
    timeoutMs: 5000,
  });
  w.lose = (delivery) => delivery.action === "HEALTH_CHECK";
  await send(w, "PERIODIC_HEALTH_CHECK");
  w.advance(5000);
  await send(w, "PERIODIC_HEALTH_CHECK");
  expect(await send(w, "SYSTEM_STATUS")).toMatchObject({ systemStatus: "OFFLINE" });
});

test("thresholds have the same limits in the process as in monitoring.yaml", async () => {
  const w = await alone();
  const inProcess = async (name: string, value: number) =>
    (await send(w, "HEALTH_THRESHOLD_CONFIG", { thresholds: { [name]: value } })).success === true;
  const inFile = (name: string, value: number) => LimitsSchema.safeParse({ [name]: value }).success;
  const rules = Object.entries(ruleOf(AdminLimitsSchema).rule.fields ?? {});
  for (const [name, { type, min = Number.NaN, max = Number.NaN }] of rules) {
    const step = type === "integer" ? 1 : 0.001;
    for (const [value, accepted] of [
      [min - step, false],
      [min, true],
      [max, true],
      [max + step, false],
    ] as const) {
      expect(await inProcess(name, value), `${name} ${value}`).toBe(accepted);
      if (name in LIMITS) expect(inFile(name, value), `${name} ${value}`).toBe(accepted);
    }
  }
  // Values that one of the two refused before.
  for (const [name, value] of [
    ["timeoutMs", 20],
    ["missesToOffline", 300],
  ] as const)
    expect([await inProcess(name, value), inFile(name, value)], name).toEqual([true, true]);
});

describe("GRACEFUL_SHUTDOWN", () => {
  const shutdown = (w: World, data: object = {}, epoch = "5") =>
    send(
      w,
      "GRACEFUL_SHUTDOWN",
      { targetProcesses: ["security"], gracePeriodSeconds: 30, ...data },
      { Epoch: epoch },
    );
  const steps = async (w: World) =>
    (
      (await send(w, "SYSTEM_STATUS")).shutdowns as { status: string; reason?: string; steps: ReplyData[] }[]
    )[0];

  test("drains, waits, returns the digest of the state, retires, and explains what that means on AO", async () => {
    const w = await alone();
    await send(w, "SET_ALLOWED", { allowed: [w.get("admin").id] }, {}, "security");
    expect(await shutdown(w)).toMatchObject({
      status: "RUNNING",
      order: ["security"],
      note: expect.stringContaining("GONE"),
    });
    expect(await send(w, "Info", {}, {}, "security")).toMatchObject({ status: "DRAINING", epoch: 5 });
    await send(w, "PERIODIC_HEALTH_CHECK");
    expect(await steps(w)).toMatchObject({ status: "RUNNING", steps: [{ status: "DRAINING" }] });
    w.advance(30_000);
    await send(w, "PERIODIC_HEALTH_CHECK");
    const done = await steps(w);
    expect(done).toMatchObject({ status: "COMPLETED", steps: [{ name: "security", status: "GONE" }] });
    expect(await send(w, "Info", {}, {}, "security")).toMatchObject({ status: "RETIRED" });
    expect((await send(w, "EXPORT_STATE", {}, {}, "security")).digest).toBe(done?.steps[0]?.digest);
    // The digest's subject: an empty list preserves nothing, and the reply says so.
    expect(done?.steps[0]).toMatchObject({
      holds: { states: expect.arrayContaining([expect.any(String)]), globals: [] },
    });
  });

  test("stops visibly when a target refuses, and changes nothing after it", async () => {
    const w = await alone();
    await shutdown(w, { targetProcesses: ["security", "admin"] });
    expect(await steps(w)).toMatchObject({
      status: "FAILED",
      reason: expect.stringContaining("FORBIDDEN"),
      steps: [
        { name: "security", status: "FAILED" },
        { name: "admin", status: "PENDING" },
      ],
    });
    expect(await send(w, "Info", {}, {}, "security")).toMatchObject({ status: "ACTIVE" });
  });

  test("keeps the given order, accepts only targets in it, and refuses a stale epoch", async () => {
    const w = await alone();
    expect(await shutdown(w, { targetProcesses: ["a", "b", "c"], shutdownOrder: ["c", "a"] })).toMatchObject({
      order: ["c", "a", "b"],
    });
    expect((await shutdown(w, { shutdownOrder: ["other"] })).error?.code).toBe("INVALID_DATA");
    expect((await shutdown(w, {}, "0")).error?.code).toBe("STALE_EPOCH");
    expect((await shutdown(w, { targetProcesses: [] })).error?.code).toBe("INVALID_DATA");
    expect(
      (await send(w, "GRACEFUL_SHUTDOWN", { targetProcesses: ["security"] }, { From: STRANGER })).error?.code,
    ).toBe("FORBIDDEN");
    expect(w.get("admin").owner).toBe(OWNER);
  });
});
