import { beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, hashOf, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot, OWNER, type ReplyData, type SendOptions } from "./aos.ts";
import { fleet, type World } from "./world.ts";

const STRANGER = address("stranger");
let base: Aos;

beforeAll(async () => {
  base = await boot("deployment-coordinator");
}, 60_000);

async function ask(p: Aos, options: SendOptions): Promise<ReplyData> {
  const { error, reply } = await p.send(options);
  expect(error).toBeUndefined();
  expect(reply).toBeDefined();
  return reply?.data ?? {};
}
const phase = (
  p: Aos,
  name: string,
  id: string,
  epoch: number | string,
  deployRequest: object = {},
  more: object = {},
) =>
  ask(p, {
    Action: "DEPLOY_PROCESS",
    Phase: name,
    "Deployment-Id": id,
    Epoch: String(epoch),
    Data: { deployRequest },
    ...more,
  });
const ledger = async (p: Aos, data: object = {}) =>
  (await ask(p, { From: STRANGER, Action: "LEDGER", Data: data })).entries as ReplyData[];
const alerts = async (p: Aos) =>
  ((await ask(p, { From: STRANGER, Action: "ALERT_MANAGEMENT" })).alerts as ReplyData[]).map((alert) => [
    alert.type,
    alert.level,
    alert.state,
  ]);

describe("a run", () => {
  test("takes the epoch by compare-and-set and gets the same answer when it asks again", async () => {
    const p = await base.clone();
    expect(await phase(p, "begin", "d1", 1)).toMatchObject({
      success: true,
      deploymentId: "d1",
      epoch: 2,
      status: "RUNNING",
    });
    for (const epoch of [1, 2, "", "x"]) {
      expect(await phase(p, "begin", "d1", epoch)).toMatchObject({
        deploymentId: "d1",
        epoch: 2,
        status: "RUNNING",
      });
    }
    expect((await ask(p, { Action: "Info" })).epoch).toBe(2);
    expect(await ledger(p)).toHaveLength(1);
  });

  test.each(["0", "1", "3", "", "-2", "2.0", "x"])(
    "may not start with the epoch %j when 2 is current",
    async (epoch) => {
      const p = await base.clone();
      await phase(p, "begin", "d1", 1);
      expect((await phase(p, "begin", "d2", epoch)).error).toMatchObject({ code: "STALE_EPOCH", epoch: 2 });
      expect((await ask(p, { Action: "GET_STATISTICS" })).statistics).toMatchObject({
        refused: 1,
        totalDeployments: 1,
      });
    },
  );

  test("wins the epoch over another that starts with the same one", async () => {
    const p = await base.clone();
    expect((await phase(p, "begin", "a", 1)).epoch).toBe(2);
    expect((await phase(p, "begin", "b", 1)).error?.code).toBe("STALE_EPOCH");
  });

  test("fails when another overtakes it, and its late messages are refused", async () => {
    const p = await base.clone();
    await phase(p, "begin", "d1", 1);
    await phase(p, "begin", "d2", 2);
    expect(await ask(p, { Action: "DEPLOYMENT_STATUS", "Deployment-Id": "d1" })).toMatchObject({
      status: "FAILED",
    });
    for (const late of ["progress", "finish"]) {
      expect((await phase(p, late, "d1", 2)).error?.code).toBe("STALE_EPOCH");
      expect((await phase(p, late, "d1", 3)).error?.code).toBe("STALE_EPOCH");
    }
    expect(await phase(p, "finish", "d2", 3)).toMatchObject({ status: "COMPLETED" });
  });

  test("stores process ids and its manifest, and ends once", async () => {
    const p = await base.clone();
    const manifest = { processes: { battle: { processId: "id-1", status: "HEALTHY" } }, empty: {}, none: [] };
    await phase(p, "begin", "d1", 1);
    await phase(p, "progress", "d1", 2, { processes: { battle: { processId: "id-1", status: "SPAWNED" } } });
    expect(await ask(p, { Action: "DEPLOYMENT_STATUS", "Deployment-Id": "d1" })).toMatchObject({
      processes: { battle: { processId: "id-1", status: "SPAWNED" } },
    });
    p.now += 60_000;
    const done = await phase(p, "finish", "d1", 2, { manifest, releaseHash: "rh" });
    expect(done).toMatchObject({ status: "COMPLETED" });
    expect(await phase(p, "finish", "d1", 2, { status: "FAILED" })).toEqual(done);
    const status = await ask(p, { From: STRANGER, Action: "DEPLOYMENT_STATUS", "Deployment-Id": "d1" });
    expect(status).toMatchObject({
      manifest,
      manifestHash: hashOf(manifest),
      releaseHash: "rh",
      processes: { battle: { status: "HEALTHY" } },
    });
    expect((await ledger(p)).map((entry) => entry.kind)).toEqual([
      "DEPLOYMENT_BEGUN",
      "PROCESS_PROGRESS",
      "DEPLOYMENT_FINISHED",
    ]);
    expect((await ask(p, { Action: "GET_STATISTICS" })).statistics).toMatchObject({
      totalDeployments: 1,
      successfulDeployments: 1,
      failedDeployments: 0,
      averageDeploymentTime: 63,
    });
  });

  test.each([
    [{ deploymentStrategy: "RANDOM" }, "INVALID_DATA"],
    [{ targetProcesses: "battle" }, "INVALID_DATA"],
    [{ healthCheckTimeout: -1 }, "INVALID_DATA"],
    [{ manifest: 5 }, "INVALID_DATA"],
  ])("is refused with %j", async (request, code) => {
    expect((await phase(base, "begin", "bad", 1, request)).error?.code).toBe(code);
  });

  test("is for deployers, with a known phase and an id", async () => {
    const p = await base.clone();
    expect((await phase(p, "begin", "d", 1, {}, { From: STRANGER })).error?.code).toBe("FORBIDDEN");
    expect((await phase(p, "sometime", "d", 1)).error?.code).toBe("INVALID_DATA");
    expect((await phase(p, "begin", "", 1)).error?.code).toBe("INVALID_DATA");
    expect((await phase(p, "finish", "unknown", 1)).error?.code).toBe("UNKNOWN_DEPLOYMENT");
    expect((await ask(p, { Action: "DEPLOYMENT_STATUS" })).error?.code).toBe("UNKNOWN_DEPLOYMENT");
  });

  test("adopts the epoch of a control message that was sent while the ledger was absent", async () => {
    const p = await base.clone();
    await ask(p, { Action: "WIRE_PEERS", Epoch: "40", Data: { peers: {} } });
    expect(await phase(p, "begin", "d", 40)).toMatchObject({ epoch: 41 });
  });
});

test("the ledger gives a code for the end of a run by another run, and none if it ended itself", async () => {
  const p = await base.clone();
  await phase(p, "begin", "d1", 1);
  await phase(p, "begin", "d2", 2);
  await phase(p, "begin", "d3", 3, { takeOver: true });
  await phase(p, "finish", "d3", 4, { status: "FAILED", reason: "taken over by nobody" });
  const ended = await ledger(p, { kind: "DEPLOYMENT_FINISHED" });
  expect(
    ended.map(({ deploymentId, status, cause, reason }) => [deploymentId, status, cause, reason]),
  ).toEqual([
    ["d1", "FAILED", "UNFINISHED", "it never finished; d2 began after it"],
    ["d2", "FAILED", "TAKEN_OVER", "taken over by d3"],
    ["d3", "FAILED", undefined, "taken over by nobody"],
  ]);
});

test("the ledger is read in pages, by kind, and survives a load in place", async () => {
  const p = await base.clone();
  for (let i = 1; i <= 5; i++) {
    await phase(p, "begin", `d${i}`, i);
    await phase(p, "finish", `d${i}`, i + 1);
  }
  expect((await ledger(p)).map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect((await ledger(p, { since: 3, limit: 2 })).map((entry) => entry.seq)).toEqual([4, 5]);
  expect(await ledger(p, { kind: "DEPLOYMENT_FINISHED" })).toHaveLength(5);
  await p.load({ epoch: 6 });
  expect(await ledger(p)).toHaveLength(10);
  expect(await phase(p, "begin", "d6", 6)).toMatchObject({ epoch: 7 });
});

test("failure and rollback rates alert after more than ten deployments, and are resolved when they fall", async () => {
  const p = await base.clone();
  let epoch = 1;
  const run = async (status: string) => {
    await phase(p, "begin", `d${epoch}`, epoch);
    epoch += 1;
    await phase(p, "finish", `d${epoch - 1}`, epoch, { status });
  };
  for (let i = 0; i < 8; i++) await run("COMPLETED");
  await run("FAILED");
  await run("ROLLED_BACK");
  expect(await alerts(p)).toEqual([]);
  await run("ROLLED_BACK");
  expect(await alerts(p)).toEqual([
    ["DEPLOYMENT_FAILURE_RATE_HIGH", "ERROR", "OPEN"],
    ["ROLLBACK_RATE_HIGH", "WARNING", "OPEN"],
  ]);
  const { statistics } = await ask(p, { Action: "GET_STATISTICS" });
  expect(statistics).toMatchObject({
    totalDeployments: 11,
    successfulDeployments: 8,
    failedDeployments: 3,
    rolledBackDeployments: 2,
  });
  expect((statistics as { rollbackRate: number }).rollbackRate).toBeCloseTo(18.18, 1);
  for (let i = 0; i < 25; i++) await run("COMPLETED");
  expect((await alerts(p)).map(([type, , state]) => [type, state])).toEqual([
    ["DEPLOYMENT_FAILURE_RATE_HIGH", "RESOLVED"],
    ["ROLLBACK_RATE_HIGH", "RESOLVED"],
  ]);
});

test("a run whose rollout waits for a person is neither a success nor a failure, and raises no alert", async () => {
  const p = await base.clone();
  for (let epoch = 1; epoch <= 12; epoch += 1) {
    await phase(p, "begin", `d${epoch}`, epoch);
    expect(await phase(p, "finish", `d${epoch}`, epoch + 1, { status: "HELD" })).toMatchObject({
      status: "HELD",
    });
  }
  const { statistics } = await ask(p, { Action: "GET_STATISTICS" });
  expect(statistics).toMatchObject({ totalDeployments: 12, successfulDeployments: 0, failedDeployments: 0 });
  expect(await alerts(p)).toEqual([]);
});

test("slow deployments raise an alert", async () => {
  const p = await base.clone();
  await phase(p, "begin", "slow", 1);
  p.now += 700_000;
  await phase(p, "finish", "slow", 2);
  expect(await alerts(p)).toEqual([["DEPLOYMENT_TIME_EXCEEDED", "WARNING", "OPEN"]]);
});

describe("alerts", () => {
  const raise = (p: Aos, more: object = {}) =>
    ask(p, {
      Action: "RAISE_ALERT",
      Data: { type: "SECURITY_ALERT", source: "s", message: "m", level: "WARNING", ...more },
    });
  const manage = (p: Aos, data: object, from = OWNER) =>
    ask(p, { From: from, Action: "ALERT_MANAGEMENT", Data: data });

  test("a repeat within five minutes is counted, a later one is new; escalation every 15 minutes until acknowledged; removed after 72 hours", async () => {
    const p = await base.clone();
    const first = await raise(p);
    expect((await raise(p)).alertId).toBe(first.alertId);
    expect((await raise(p, { source: "t" })).alertId).not.toBe(first.alertId);
    p.now += 5 * 60_000;
    const second = await raise(p);
    expect(second.alertId).not.toBe(first.alertId);
    await manage(p, { operation: "acknowledge", alertId: second.alertId });
    p.now += 15 * 60_000;
    expect(await alerts(p)).toEqual([
      ["SECURITY_ALERT", "ERROR", "OPEN"],
      ["SECURITY_ALERT", "ERROR", "OPEN"],
      ["SECURITY_ALERT", "WARNING", "ACKNOWLEDGED"],
    ]);
    p.now += 60 * 60_000;
    expect((await alerts(p))[0]?.[1]).toBe("CRITICAL");
    p.now += 72 * 3_600_000;
    expect(await alerts(p)).toEqual([]);
  });

  test("many alerts of one type remove no open alert of another", async () => {
    const p = await base.clone();
    await raise(p, { type: "PROCESS_OFFLINE", source: "shop", level: "CRITICAL" });
    await raise(p, { type: "PROCESS_UNHEALTHY", source: "shop", level: "WARNING" });
    await p.eval(`local list, now = Fleet.store.states.alerts.list, Fleet.now()
      for i = #list + 1, 500 do
        list[i] = { alertId = "flood-" .. i, type = "SECURITY_ALERT", source = "w" .. i, level = "CRITICAL", state = "OPEN", count = 1,
          raisedAt = now, lastAt = now, escalatedAt = now, message = "m" }
      end`);
    for (const source of ["a", "b", "c"]) await raise(p, { source, level: "CRITICAL" });
    const kept = await alerts(p);
    expect(kept).toHaveLength(500);
    expect(kept[0]).toEqual(["PROCESS_OFFLINE", "CRITICAL", "OPEN"]);
    expect(kept.filter(([type]) => type === "SECURITY_ALERT")).toHaveLength(499);
  });

  test("a sender without ids acknowledges and resolves its alerts by type and source", async () => {
    const p = await base.clone();
    const states = async () => (await alerts(p)).map((each) => each[2]);
    const of = { type: "SECURITY_ALERT", source: "s" };
    await raise(p);
    await raise(p, { source: "t" });
    const acknowledged = await manage(p, { operation: "acknowledge", ...of });
    expect(acknowledged.alerts).toMatchObject([{ source: "s", state: "ACKNOWLEDGED" }]);
    expect(await states()).toEqual(["ACKNOWLEDGED", "OPEN"]);
    await manage(p, { operation: "resolve", ...of });
    expect(await states()).toEqual(["RESOLVED", "OPEN"]);
    expect(await manage(p, { operation: "resolve", ...of })).toMatchObject({ success: true });
    expect((await manage(p, { operation: "resolve", type: "SECURITY_ALERT" })).error?.code).toBe(
      "UNKNOWN_ALERT",
    );
    expect((await manage(p, { operation: "resolve", ...of }, STRANGER)).error?.code).toBe("FORBIDDEN");
  });

  test("a silence applies for its time; only deployers manage alerts", async () => {
    const p = await base.clone();
    await manage(p, {
      alertRequest: { operation: "silence", type: "SECURITY_ALERT", source: "s", minutes: 10 },
    });
    expect(await raise(p)).toEqual({ success: true, silenced: true });
    expect((await raise(p, { source: "other" })).silenced).toBe(false);
    p.now += 10 * 60_000;
    const { alertId } = await raise(p);
    for (const operation of ["acknowledge", "resolve", "silence", "unsilence"]) {
      expect((await manage(p, { operation, alertId, type: "SECURITY_ALERT" }, STRANGER)).error?.code).toBe(
        "FORBIDDEN",
      );
    }
    expect((await manage(p, { operation: "acknowledge", alertId: "alert-99" })).error?.code).toBe(
      "UNKNOWN_ALERT",
    );
    expect((await manage(p, { operation: "resolve", alertId })).alert).toMatchObject({ state: "RESOLVED" });
  });
});

describe("a request is recorded, moved by a deployer in order, and claims nothing by itself", () => {
  const request = (p: Aos, action: string, data: object, from = OWNER) =>
    ask(p, { From: from, Action: action, Data: data });

  test("a rollback passes its phases; when it is completed, its deployment counts as rolled back", async () => {
    const p = await base.clone();
    await phase(p, "begin", "d1", 1);
    await phase(p, "finish", "d1", 2);
    const made = await request(p, "DEPLOYMENT_ROLLBACK", {
      rollbackRequest: { deploymentId: "d1", reason: "bad", rollbackType: "VERSION" },
    });
    expect(made).toMatchObject({
      status: "PENDING",
      rollbackType: "VERSION",
      note: expect.stringContaining("deployer"),
    });
    const move = (status: string) =>
      request(p, "DEPLOYMENT_ROLLBACK", { rollbackRequest: { rollbackId: made.rollbackId, status } });
    expect((await move("COMPLETED")).error).toMatchObject({
      code: "WRONG_PHASE",
      remedy: expect.stringContaining("PREPARING"),
    });
    for (const status of ["PREPARING", "ROLLING_BACK", "ROLLING_BACK", "VALIDATING", "COMPLETED"]) {
      expect((await move(status)).status).toBe(status);
    }
    expect((await move("PREPARING")).error?.code).toBe("WRONG_PHASE");
    expect(await ask(p, { Action: "DEPLOYMENT_STATUS", "Deployment-Id": "d1" })).toMatchObject({
      status: "ROLLED_BACK",
    });
    expect((await ask(p, { Action: "GET_STATISTICS" })).statistics).toMatchObject({
      rolledBackDeployments: 1,
      rollbackRate: 100,
    });
    expect((await alerts(p)).map(([type]) => type)).toEqual(["ROLLBACK_EXECUTED"]);
    const other = await request(p, "DEPLOYMENT_ROLLBACK", {
      rollbackRequest: { deploymentId: "d1", reason: "again" },
    });
    await request(p, "DEPLOYMENT_ROLLBACK", {
      rollbackRequest: { rollbackId: other.rollbackId, status: "FAILED" },
    });
    expect((await alerts(p)).map(([type]) => type)).toContain("ROLLBACK_FAILED");
  });

  test("a blue-green switch passes its phases and shows what was reported", async () => {
    const p = await base.clone();
    const made = await request(p, "BLUE_GREEN_DEPLOYMENT", {
      blueGreenRequest: {
        targetProcesses: ["battle"],
        newVersion: "2.1.0",
        trafficStrategy: "GRADUAL",
        healthCheckTimeout: 300,
        rollbackOnFailure: true,
      },
    });
    expect(made).toMatchObject({ phase: "PREPARING", trafficRouting: {}, healthCheckTimeout: 300 });
    const move = (next: string, more: object = {}) =>
      request(p, "BLUE_GREEN_DEPLOYMENT", {
        blueGreenRequest: { blueGreenId: made.blueGreenId, phase: next, ...more },
      });
    expect((await move("MONITORING")).error?.code).toBe("WRONG_PHASE");
    for (const next of ["DEPLOYING_GREEN", "HEALTH_VALIDATION", "TRAFFIC_SWITCHING"])
      expect((await move(next)).phase).toBe(next);
    expect(
      (await move("TRAFFIC_SWITCHING", { trafficRouting: { battle: { green: 1000, blue: 9000 } } }))
        .trafficRouting,
    ).toEqual({
      battle: { green: 1000, blue: 9000 },
    });
    for (const next of ["FAILED", "ROLLING_BACK", "ROLLED_BACK"]) expect((await move(next)).phase).toBe(next);
    expect(
      await ask(p, { Action: "DEPLOYMENT_STATUS", "Deployment-Id": String(made.blueGreenId) }),
    ).toMatchObject({ phase: "ROLLED_BACK" });
  });

  test("strangers and incomplete requests are refused", async () => {
    const p = await base.clone();
    for (const action of [
      "DEPLOYMENT_ROLLBACK",
      "BLUE_GREEN_DEPLOYMENT",
      "CONFIG_DISTRIBUTION",
      "PROCESS_REGISTRATION",
      "PROCESS_DEREGISTRATION",
      "DEPLOYMENT_HEALTH_CHECK",
      "RAISE_ALERT",
    ]) {
      expect([action, (await request(p, action, {}, STRANGER)).error?.code]).toEqual([action, "FORBIDDEN"]);
      if (action !== "DEPLOYMENT_HEALTH_CHECK")
        expect([action, (await request(p, action, {})).error?.code]).toEqual([action, "INVALID_DATA"]);
    }
    expect(
      (await request(p, "DEPLOYMENT_ROLLBACK", { rollbackRequest: { deploymentId: "none", reason: "r" } }))
        .error?.code,
    ).toBe("UNKNOWN_DEPLOYMENT");
    expect(
      (await request(p, "BLUE_GREEN_DEPLOYMENT", { blueGreenRequest: { blueGreenId: "rollback-1" } })).error
        ?.code,
    ).toBe("UNKNOWN_REQUEST");
  });
});

describe("with processes", () => {
  const NAMES = ["deployment-coordinator", "admin", "security"];

  async function world(): Promise<World> {
    const made = await fleet(NAMES);
    for (const name of ["admin", "security"]) await register(made, name);
    return made;
  }
  const register = (w: World, name: string, more: object = {}) =>
    send(w, "PROCESS_REGISTRATION", {
      processRegistration: {
        processId: w.get(name).id,
        processType: name.toUpperCase(),
        version: "1.0.0",
        metadata: { name },
        ...more,
      },
    });
  async function send(w: World, action: string, data: object = {}, more: object = {}): Promise<ReplyData> {
    return (
      (await w.send("deployment-coordinator", { Action: action, Data: data, ...more })).reply?.data ?? {}
    );
  }
  const distribute = (w: World, configRequest: object, more: object = {}) =>
    send(w, "CONFIG_DISTRIBUTION", { configRequest }, more);
  const held = async (w: World, name: string) =>
    (await w.send(name, { Action: "GET_CONFIG" })).reply?.data.configs as Record<string, ReplyData>;
  const allow = async (w: World, ...names: string[]) => {
    for (const name of names)
      await w.send(name, { Action: "SET_ALLOWED", Data: { allowed: [w.get("deployment-coordinator").id] } });
  };

  test("registration, discovery, deregistration", async () => {
    const w = await world();
    expect(await register(w, "admin", { version: "1.1.0" })).toMatchObject({
      registeredProcessCount: 2,
      registrationTime: expect.any(Number),
    });
    const all = await send(w, "PROCESS_DISCOVERY", {}, { From: STRANGER });
    expect(all).toMatchObject({
      count: 2,
      processes: {
        [w.get("admin").id]: { version: "1.1.0", processType: "ADMIN", metadata: { name: "admin" } },
      },
    });
    expect(await send(w, "PROCESS_DISCOVERY", {}, { "Process-Type": "SECURITY" })).toMatchObject({
      count: 1,
    });
    expect(
      (await w.send("deployment-coordinator", { Action: "PROCESS_DISCOVERY", "Process-Type": "NONE" })).reply
        ?.text,
    ).toContain('"processes":{}');
    expect(
      await send(w, "PROCESS_DEREGISTRATION", { processRegistration: { processId: w.get("admin").id } }),
    ).toMatchObject({ registeredProcessCount: 1 });
    expect(await send(w, "PROCESS_DEREGISTRATION", { processId: "unknown" })).toMatchObject({
      success: true,
      registeredProcessCount: 1,
    });
    expect((await register(w, "admin", { processId: "a b" })).error?.code).toBe("INVALID_DATA");
    await phase(w.get("deployment-coordinator"), "begin", "d", 1);
    expect(
      (
        await send(
          w,
          "PROCESS_REGISTRATION",
          { processRegistration: { processId: "p", processType: "T", version: "1" } },
          { Epoch: "1" },
        )
      ).error?.code,
    ).toBe("STALE_EPOCH");
  });

  test("a health round asks all and judges their answers; a process without an answer is OFFLINE", async () => {
    const w = await world();
    const healthy = await send(w, "DEPLOYMENT_HEALTH_CHECK", {
      healthCheck: { deploymentId: "d", checkType: "POST_DEPLOYMENT", timeoutSeconds: 60 },
    });
    expect(healthy).toMatchObject({
      healthStatus: "HEALTHY",
      passed: true,
      counts: { HEALTHY: 2, total: 2 },
    });
    expect(healthy.processHealthResults).toMatchObject({
      [w.get("admin").id]: { name: "admin", status: "HEALTHY", version: "1.0.0", findings: [] },
    });
    const wrong = await send(w, "DEPLOYMENT_HEALTH_CHECK", {
      healthCheck: { expectedVersion: "9.9.9", targetProcesses: ["admin"] },
    });
    expect(wrong).toMatchObject({ healthStatus: "UNHEALTHY", passed: false });
    expect(JSON.stringify(wrong.processHealthResults)).toContain("expected 9.9.9, running 1.0.0");
    await send(w, "PROCESS_REGISTRATION", {
      processRegistration: { processId: "nobody", processType: "GHOST", version: "1" },
    });
    expect(
      (await w.send("deployment-coordinator", { Action: "DEPLOYMENT_HEALTH_CHECK" })).reply,
    ).toBeUndefined();
    w.advance(30_000);
    const late = await w.send("deployment-coordinator", { From: STRANGER, Action: "Info" });
    const offline = late.deliveries.find((each) => each.action === "DEPLOYMENT_HEALTH_CHECK-Response");
    expect(offline?.data).toMatchObject({
      healthStatus: "OFFLINE",
      passed: false,
      counts: { OFFLINE: 1, HEALTHY: 2 },
    });
    expect((await alerts(w.get("deployment-coordinator"))).map(([type]) => type)).toEqual([
      "HEALTH_CHECK_FAILURE_RATE_HIGH",
    ]);
    expect(
      (await send(w, "DEPLOYMENT_HEALTH_CHECK", { healthCheck: { targetProcesses: ["what"] } })).error?.code,
    ).toBe("UNKNOWN_PROCESS");
    expect((await ask(base, { Action: "DEPLOYMENT_HEALTH_CHECK" })).error?.code).toBe("NO_PROCESSES");
  });

  test("a process registered without the library is never asked in a round, and by name only answered with an error", async () => {
    const w = await world();
    const BARE = {
      processId: "bare",
      processType: "token",
      version: "1",
      metadata: { name: "token", lib: false },
    };
    await send(w, "PROCESS_REGISTRATION", { processRegistration: BARE });
    const round = await send(w, "DEPLOYMENT_HEALTH_CHECK");
    expect(round).toMatchObject({ healthStatus: "HEALTHY", passed: true, counts: { HEALTHY: 2, total: 2 } });
    expect(round.processHealthResults).not.toHaveProperty("bare");
    for (const name of ["token", "bare"]) {
      const { error } = await send(w, "DEPLOYMENT_HEALTH_CHECK", {
        healthCheck: { targetProcesses: [name] },
      });
      expect(error).toMatchObject({ code: "LIB_REQUIRED", message: expect.stringContaining("token") });
    }
    // Earlier findings, from when it had the library, no longer apply.
    const found = async () => {
      const all = (await send(w, "PROCESS_DISCOVERY")).processes as Record<string, ReplyData>;
      return all[w.get("admin").id]?.health;
    };
    expect(await found()).toMatchObject({ status: "HEALTHY" });
    await register(w, "admin", { metadata: { name: "admin", lib: false } });
    expect(await found()).toBeUndefined();
    // A process that only the wiring marks is not asked either.
    await w.wire({ "deployment-coordinator": ["coin"] }, 1, ["coin"]);
    const coin = await send(w, "DEPLOYMENT_HEALTH_CHECK", { healthCheck: { targetProcesses: ["coin"] } });
    expect(coin.error).toMatchObject({ code: "LIB_REQUIRED", message: expect.stringContaining("coin") });
    // It is still registered.
    expect((await send(w, "PROCESS_DISCOVERY")).processes).toHaveProperty("bare");
  });

  test("a config that only some accept is PARTIAL, reverted on them, raises an alert, and is never current", async () => {
    const w = await world();
    await allow(w, "admin");
    const request = {
      requestType: "DISTRIBUTE_CONFIG",
      configType: "LOGGING_CONFIG",
      configData: { logLevel: "WARN" },
    };
    const partial = await distribute(w, request);
    expect(partial).toMatchObject({
      status: "PARTIAL",
      successCount: 1,
      restoredCount: 1,
      totalCount: 2,
      configVersion: 1,
    });
    expect(await held(w, "admin")).toEqual({});
    expect(partial.distributionResults).toMatchObject({
      [w.get("admin").id]: { status: "RESTORED" },
      [w.get("security").id]: { status: "FAILED", code: "FORBIDDEN" },
    });
    expect(
      (await distribute(w, { requestType: "GET_CONFIG", configType: "LOGGING_CONFIG" })).error?.code,
    ).toBe("NO_CONFIG");
    expect((await alerts(w.get("deployment-coordinator"))).map(([type]) => type)).toEqual([
      "CONFIG_DISTRIBUTION_FAILED",
    ]);
    await allow(w, "security");
    // The version of the failed distribution is used up.
    expect(await distribute(w, request)).toMatchObject({
      status: "COMPLETED",
      successCount: 2,
      configVersion: 2,
    });
    expect(await distribute(w, { requestType: "GET_CONFIG", configType: "LOGGING_CONFIG" })).toMatchObject({
      configData: { logLevel: "WARN" },
      configVersion: 2,
      hash: sha256(canonicalJson({ logLevel: "WARN" })),
    });
  });

  test("validate sends nothing; update changes single keys; get asks a process; sync copies from one to the others", async () => {
    const w = await world();
    await allow(w, "admin", "security");
    const type = { configType: "PROCESS_CONFIG" };
    const validated = await w.send("deployment-coordinator", {
      Action: "CONFIG_DISTRIBUTION",
      Data: {
        configRequest: { requestType: "VALIDATE_CONFIG", ...type, configData: { requestTimeout: 0, x: 1 } },
      },
    });
    expect(validated.deliveries).toHaveLength(1);
    expect(validated.reply?.data).toMatchObject({
      valid: false,
      problems: [{ path: "configData.requestTimeout" }, { path: "configData.x" }],
    });
    expect(
      (await distribute(w, { requestType: "DISTRIBUTE_CONFIG", ...type, configData: { requestTimeout: 0 } }))
        .error?.code,
    ).toBe("INVALID_CONFIG");
    await distribute(w, {
      requestType: "DISTRIBUTE_CONFIG",
      ...type,
      configData: { requestTimeout: 1000, enableMetrics: true },
    });
    expect(
      await distribute(w, { requestType: "UPDATE_CONFIG", ...type, configData: { requestTimeout: 2000 } }),
    ).toMatchObject({ status: "COMPLETED", configVersion: 2 });
    expect(await distribute(w, { requestType: "GET_CONFIG", ...type, processId: "admin" })).toMatchObject({
      processId: w.get("admin").id,
      configData: { requestTimeout: 2000, enableMetrics: true },
      configVersion: 2,
    });
    await w.send("security", {
      Action: "UPDATE_CONFIG",
      Epoch: "1",
      Data: {
        configType: "LOGGING_CONFIG",
        configData: { logLevel: "FATAL" },
        version: 7,
        hash: hashOf({ logLevel: "FATAL" }),
      },
    });
    expect(
      await distribute(w, {
        requestType: "SYNC_CONFIG",
        configType: "LOGGING_CONFIG",
        sourceProcessId: "security",
      }),
    ).toMatchObject({
      status: "COMPLETED",
      totalCount: 1,
      configVersion: 1,
    });
    expect(await held(w, "admin")).toMatchObject({
      LOGGING_CONFIG: { configData: { logLevel: "FATAL" }, version: 1 },
    });
    expect(
      (
        await distribute(w, {
          requestType: "SYNC_CONFIG",
          configType: "SECURITY_CONFIG",
          sourceProcessId: "admin",
        })
      ).error?.code,
    ).toBe("NO_CONFIG");
  });

  test("a config sent directly by a deployer is recorded, and a stranger's claim is not", async () => {
    const w = await world();
    const change = {
      processId: "p".repeat(43),
      configType: "LOGGING_CONFIG",
      version: 3,
      hash: "h".repeat(64),
    };
    const tell = (changes: object[], more: object = {}) =>
      w.send("deployment-coordinator", {
        Action: "CONFIG_CHANGED",
        Data: { reason: "config rollback to previous", changes },
        ...more,
      });
    expect((await tell([change, { ...change, configType: "PROCESS_CONFIG" }])).reply?.data).toMatchObject({
      success: true,
      recorded: 2,
    });
    expect((await tell([change], { From: "s".repeat(43) })).reply?.data).toMatchObject({ success: false });
    expect((await tell([{ ...change, version: "x" }])).reply?.data).toMatchObject({ success: false });
    expect(await ledger(w.get("deployment-coordinator"), { kind: "CONFIG_CHANGED" })).toMatchObject([
      { ...change, reason: "config rollback to previous", from: OWNER },
      { configType: "PROCESS_CONFIG" },
    ]);
  });

  test("a process that already has the config gets no message; it keeps who requested it; both are in the audit", async () => {
    const w = await world();
    await allow(w, "admin", "security");
    const type = { requestType: "DISTRIBUTE_CONFIG", configType: "LOGGING_CONFIG" };
    await distribute(w, { ...type, configData: { logLevel: "WARN" }, targetProcesses: ["admin"] });
    const both = await w.send("deployment-coordinator", {
      Action: "CONFIG_DISTRIBUTION",
      Data: { configRequest: { ...type, configData: { logLevel: "WARN" } } },
    });
    expect(both.deliveries.filter(({ action }) => action === "UPDATE_CONFIG")).toHaveLength(1);
    expect(both.reply?.data).toMatchObject({ status: "COMPLETED", successCount: 2, configVersion: 2 });
    expect(both.reply?.data.distributionResults).toMatchObject({
      [w.get("admin").id]: { status: "UNCHANGED" },
      [w.get("security").id]: { status: "COMPLETED" },
    });
    expect(await held(w, "security")).toMatchObject({
      LOGGING_CONFIG: { by: w.get("deployment-coordinator").id, requestedBy: OWNER, version: 2 },
    });
    for (const [name, action] of [
      ["deployment-coordinator", "CONFIG_DISTRIBUTION"],
      ["security", "UPDATE_CONFIG"],
    ] as const) {
      const audit = (await w.send(name, { Action: "AUDIT" })).reply?.data.entries as ReplyData[];
      expect(audit.map((entry) => [entry.action, entry.outcome])).toContainEqual([action, "ok"]);
    }
    expect(await ledger(w.get("deployment-coordinator"), { kind: "CONFIG_DISTRIBUTED" })).toMatchObject([
      { status: "COMPLETED", targets: 1, from: OWNER },
      { status: "COMPLETED", targets: 2, from: OWNER },
    ]);
  });

  test("a stranger, a stale epoch and a process that cannot be asked change nothing anywhere", async () => {
    const w = await world();
    await allow(w, "admin", "security");
    const request = {
      requestType: "DISTRIBUTE_CONFIG",
      configType: "LOGGING_CONFIG",
      configData: { logLevel: "WARN" },
    };
    expect((await distribute(w, request, { From: STRANGER })).error?.code).toBe("FORBIDDEN");
    await phase(w.get("deployment-coordinator"), "begin", "d", 1);
    expect((await distribute(w, request, { Epoch: "1" })).error?.code).toBe("STALE_EPOCH");
    w.lose = ({ action, target }) => action === "GET_CONFIG" && target === w.get("security").id;
    expect(await distribute(w, request)).toEqual({});
    w.advance(30_000);
    const late = await w.send("deployment-coordinator", { From: STRANGER, Action: "Info" });
    const failed = late.deliveries.find(({ action }) => action === "CONFIG_DISTRIBUTION-Response");
    expect(failed?.data).toMatchObject({ status: "FAILED", successCount: 0, totalCount: 2 });
    expect(failed?.data.distributionResults).toMatchObject({
      [w.get("admin").id]: { status: "SKIPPED" },
      [w.get("security").id]: { status: "FAILED", code: "TIMEOUT" },
    });
    for (const name of ["admin", "security"]) expect(await held(w, name)).toEqual({});
  });

  test("a custom type is sent with its rules; afterwards its targets check by themselves", async () => {
    const w = await world();
    await allow(w, "admin", "security");
    const rule = { type: "object", fields: { rounds: { type: "integer", min: 1, max: 9, required: true } } };
    const type = { requestType: "DISTRIBUTE_CONFIG", configType: "MATCHMAKING" };
    expect(await distribute(w, { ...type, configData: { rounds: 10 }, rule })).toMatchObject({
      error: { code: "INVALID_CONFIG", problems: [{ path: "configData.rounds", got: "10" }] },
    });
    expect(await distribute(w, { ...type, configData: { rounds: 3 }, rule })).toMatchObject({
      status: "COMPLETED",
    });
    expect(await distribute(w, { ...type, configData: { rounds: 0 } })).toMatchObject({
      status: "FAILED",
      distributionResults: { [w.get("admin").id]: { code: "INVALID_CONFIG" } },
    });
    expect(await held(w, "admin")).toMatchObject({ MATCHMAKING: { configData: { rounds: 3 } } });
  });

  test("the dashboard has counted figures, and null for those it lacks", async () => {
    const w = await world();
    const empty = await send(w, "DEPLOYMENT_MONITORING_REPORT", {}, { From: STRANGER });
    expect(empty.performanceMetrics).toMatchObject({
      coordinatorCpuUsage: null,
      messageProcessingTime: null,
      coordinatorMemoryUsage: expect.any(Number),
      throughput: expect.any(Number),
    });
    await send(w, "DEPLOYMENT_HEALTH_CHECK");
    const report = await send(w, "DEPLOYMENT_MONITORING_REPORT");
    expect(report).toMatchObject({
      deploymentStatistics: {
        totalDeployments: 0,
        successfulDeployments: 0,
        failedDeployments: 0,
        averageDeploymentTime: 0,
        rollbackRate: 0,
      },
      performanceMetrics: { messageProcessingTime: expect.any(Number) },
      healthChecks: { total: 2, failed: 0 },
      alerts: [],
    });
    expect(await send(w, "SYSTEM_HEALTH")).toMatchObject({
      healthSummary: {
        deploymentCoordinatorStatus: "HEALTHY",
        registeredProcesses: 2,
        activeDeployments: 0,
        processHealth: { HEALTHY: 2, UNKNOWN: 0 },
        uptime: expect.any(Number),
      },
    });
  });

  test("STARTUP and Error of known processes are kept, those of strangers are not, and none is answered", async () => {
    const w = await world();
    const c = w.get("deployment-coordinator");
    const startups = (await ledger(c, { kind: "PROCESS_STARTED" })).map((entry) => entry.processId);
    expect(startups.sort()).toEqual([w.get("admin").id, w.get("security").id].sort());
    for (const from of [STRANGER, w.get("admin").id]) {
      const sent = await c.send({
        From: from,
        Action: "Error",
        Data: { name: "admin", action: "X", message: "boom" },
      });
      expect(sent.messages).toEqual([]);
      await c.send({ From: STRANGER, Action: "STARTUP" });
    }
    expect(await ledger(c, { kind: "PROCESS_STARTED" })).toHaveLength(2);
    // A member's own starts are kept once a minute.
    c.now += 60_000;
    for (let n = 0; n < 5; n += 1) await c.send({ From: w.get("admin").id, Action: "STARTUP" });
    expect(await ledger(c, { kind: "PROCESS_STARTED" })).toHaveLength(3);
    expect((await ask(c, { Action: "ALERT_MANAGEMENT" })).alerts).toMatchObject([
      { type: "PROCESS_ERROR", source: "admin", count: 1, message: "X: boom" },
    ]);
  });

  test("starts of a process enter the ledger a few times between two entries of a deployer, and the next one counts the others", async () => {
    const w = await world();
    const c = w.get("deployment-coordinator");
    const { id } = w.get("admin");
    const entries = async () =>
      (await ledger(c, { kind: "PROCESS_STARTED" })).filter(({ processId }) => processId === id);
    for (let n = 0; n < 20; n += 1) {
      c.now += 60_000;
      await c.send({ From: id, Action: "STARTUP", Data: { version: `1.0.${n}` } });
    }
    // After the one that it reported when it was loaded.
    expect((await entries()).slice(1).map(({ version, omitted }) => [version, omitted])).toEqual(
      Array.from({ length: 8 }, (_, n) => [`1.0.${n}`, undefined]),
    );
    // An earlier version of the program reads the times of starts as numbers, and after a rollback it counts nothing.
    expect(await c.value(`math.type(Fleet.store.states.registrations.starts["${id}"])`)).toBe("integer");
    const { processes } = await ask(c, { Action: "PROCESS_DISCOVERY" });
    expect(processes).toMatchObject({ [id]: { lastStartup: { version: "1.0.19", count: 20 } } });
    const epoch = (await ask(c, { Action: "Info" })).epoch as number;
    await phase(c, "begin", "d-next", epoch);
    await c.send({ From: id, Action: "STARTUP", Data: { version: "2.0.0" } });
    expect((await entries()).at(-1)).toMatchObject({ version: "2.0.0", omitted: 12 });
  });
});
