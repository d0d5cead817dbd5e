/** Faults of a running fleet, as the monitor reports them; a healthy fleet raises nothing. */
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { LedgerEntry } from "../../src/fleet/protocol/ledger.ts";
import { isOpen } from "../../src/monitor/alert-book.ts";
import { ReportSchema } from "../../src/monitor/report.ts";
import { refusalReason } from "../../src/operations/observe/verdict.ts";
import { type Watching, watching } from "./simulated.ts";

let fleet: Watching;
beforeEach(async () => {
  fleet = await watching(["ledger", "shop", "bank"]);
});
afterEach(() => fleet.close());

const messages = () =>
  fleet.store
    .book()
    .alerts.filter(isOpen)
    .map((each) => `${each.type} ${each.source}: ${each.message}`);
const metrics = () => fleet.monitor.metrics.registry.metrics();
const metric = async (start: string) =>
  Number(
    (await metrics())
      .split("\n")
      .find((line) => line.startsWith(start))
      ?.split(" ")
      .at(-1),
  );

test("a healthy fleet that works raises nothing in an hour", async () => {
  await fleet.close();
  fleet = await watching(["ledger", "shop"]);
  for (let n = 0; n < 120; n += 1) {
    if (n % 10 === 0) {
      await fleet.send("shop", "BUY");
      await fleet.send("ledger", "Info", {}, { stranger: true });
    }
    const { report, changes } = await fleet.round();
    expect(changes).toEqual([]);
    expect(report).toMatchObject({ success: true, fleet: { state: "HEALTHY", passed: true }, notes: [] });
  }
  const { report } = await fleet.round();
  expect(report.processes.find(({ name }) => name === "shop")).toMatchObject({
    state: "HEALTHY",
    outcome: "answered",
    pendingSlots: 0,
    // Its load is slot 1; twelve purchases followed.
    slot: 13,
    // The read itself is counted too.
    messages: 13,
    errors: 0,
    drift: [],
  });
  expect(report.performanceMetrics.throughput).toBeCloseTo(24 / 60, 1);
  expect(report.performanceMetrics).toMatchObject({
    availability: 1,
    coordinatorCpuUsage: null,
    errorRate: 0,
  });
  const check = new Ajv2020({ strict: false, validateFormats: false }).compile(z.toJSONSchema(ReportSchema));
  expect([check(report), check.errors]).toEqual([true, null]);
  expect(await metric('aofleet_process_messages_total{process="shop"')).toBe(13);
  expect(await metric("aofleet_fleet_passes")).toBe(1);
}, 240_000);

test("a slow process", async () => {
  await fleet.rounds(1);
  const id = fleet.idOf("shop");
  const calm = fleet.net.faults.add({
    on: "cu.dryrun",
    match: ({ processId }) => processId === id,
    fault: {
      kind: "delay",
      ms() {
        fleet.takes(6200);
        return 0;
      },
    },
  });
  expect(await fleet.rounds(1)).toEqual([["PROCESS_DEGRADED shop"]]);
  expect(messages()[0]).toBe("PROCESS_DEGRADED shop: it answered in 6200 ms, expected at most 5000 ms");
  expect(await metric('aofleet_process_state{process="shop",state="DEGRADED"')).toBe(1);
  expect(await metric('aofleet_alerts{type="PROCESS_DEGRADED"')).toBe(1);
  calm();
  expect(await fleet.rounds(1)).toEqual([[]]);
});

test("a silent process: a failed check at once, OFFLINE after three, resolved when it answers again", async () => {
  await fleet.rounds(1);
  await fleet.load("shop", { silent: true });
  const open = await fleet.rounds(3);
  expect(open[0]).toEqual(["HEALTH_CHECK_FAILURE_RATE_HIGH fleet"]);
  expect(messages()).toEqual([
    "HEALTH_CHECK_FAILURE_RATE_HIGH fleet: 1 of 3 health checks failed, expected at most 5 %: shop (no answer)",
    "PROCESS_OFFLINE shop: 3 checks in a row without an answer: shop did not answer HEALTH_CHECK. [NO_REPLY]",
  ]);
  const { report } = await fleet.round();
  expect(report).toMatchObject({
    success: false,
    fleet: { state: "OFFLINE", passed: false, counts: { OFFLINE: 1 } },
  });
  expect(await metric('aofleet_process_up{process="shop"')).toBe(0);
  await fleet.load("shop", {});
  expect(await fleet.rounds(1)).toEqual([[]]);
});

test.each([
  ["is slow", "UNIT_SLOW", { kind: "hang" }],
  ["restarts", "UNIT_DOWN", { kind: "reset" }],
] as const)(
  "a compute unit that %s makes members unknown, never OFFLINE, with their last known values",
  async (_how, code, fault) => {
    await fleet.close();
    fleet = await watching(["ledger", "shop"], "limits: { timeoutMs: 100 }");
    await fleet.rounds(1);
    fleet.net.faults.add({ on: "cu.dryrun", fault });
    const open = await fleet.rounds(4);
    expect(open[0]).toEqual(["HEALTH_CHECK_FAILURE_RATE_HIGH fleet"]);
    expect(open.flat().filter((each) => each.startsWith("PROCESS_OFFLINE"))).toEqual([]);
    expect(open[3]).toEqual(expect.arrayContaining(["PROCESS_DEGRADED shop"]));
    expect(messages()[0]).toContain(`shop (unknown: ${code})`);
    const { report } = await fleet.round();
    expect(report).toMatchObject({
      success: false,
      fleet: { state: "UNKNOWN", passed: false, counts: { OFFLINE: 0, UNKNOWN: 2, total: 2 } },
    });
    expect(report.processes.find(({ name }) => name === "shop")).toMatchObject({
      ...{ state: "UNKNOWN", lastState: "HEALTHY", outcome: "unknown", code, misses: 0 },
      ...{ lastAnswerAt: expect.any(String), version: "1.0.0" },
    });
    expect(await metric('aofleet_process_state{process="shop",state="UNKNOWN"')).toBe(1);
    expect(await metric('aofleet_process_state{process="shop",state="OFFLINE"')).toBe(0);
    fleet.net.faults.clear();
    expect(await fleet.rounds(1)).toEqual([[]]);
  },
  60_000,
);

test("an erring process", async () => {
  await fleet.load("shop", { errors: ["BUY"] });
  await fleet.rounds(1);
  for (let n = 0; n < 3; n += 1) await fleet.send("shop", "BUY");
  expect(await fleet.rounds(1)).toEqual([["PROCESS_ERROR shop"]]);
  expect(messages()[0]).toMatch(
    /^PROCESS_ERROR shop: 3 of 3 messages since the last round failed: .*scripted/,
  );
  expect(await fleet.rounds(1)).toEqual([[]]);
});

test("an unhealthy process, by its own answer", async () => {
  await fleet.load("bank", { health: "UNHEALTHY", reason: "the vault is open" });
  expect((await fleet.rounds(1))[0]).toContain("PROCESS_UNHEALTHY bank");
  expect(messages()).toContain("PROCESS_UNHEALTHY bank: scripted: the vault is open");
});

test("a stuck process: messages arrive and none is evaluated", async () => {
  await fleet.close();
  fleet = await watching(["shop"], "limits: { timeoutMs: 1000 }");
  await fleet.rounds(1);
  const id = fleet.idOf("shop");
  fleet.net.faults.add({
    on: "cu.result",
    match: ({ processId }) => processId === id,
    fault: { kind: "status", status: 500, body: '{"error":"still evaluating"}' },
  });
  const sending = fleet.send("shop", "BUY").catch(() => {});
  while ((fleet.net.oracle.process(id)?.slot ?? 0) < 2) await new Promise((done) => setTimeout(done, 5));
  expect((await fleet.rounds(2)).at(-1)).toEqual(["PROCESS_STUCK shop"]);
  expect(messages()).toEqual([
    "PROCESS_STUCK shop: slot 2 has not been evaluated for 30 s; the newest is slot 2",
  ]);
  expect(await metric('aofleet_process_pending_slots{process="shop"')).toBe(1);
  fleet.net.faults.clear();
  await sending;
  expect(await fleet.rounds(1)).toEqual([[]]);
});

test("a drifting process: somebody loaded other code by hand, or retired it", async () => {
  await fleet.rounds(1);
  await fleet.load("bank", {}, "other code");
  expect(await fleet.rounds(1)).toEqual([["PROCESS_DRIFT bank"]]);
  expect(messages()[0]).toMatch(/^PROCESS_DRIFT bank: it runs code [0-9a-f]{8} instead of [0-9a-f]{8}$/);
  await fleet.send("bank", "RETIRE", {}, { tags: { Epoch: "1" } });
  await fleet.rounds(1);
  expect(messages()).toContainEqual(
    expect.stringMatching(/^PROCESS_DRIFT bank: it is retired; it runs code/),
  );
  expect(await metric('aofleet_process_state{process="bank",state="UNHEALTHY"')).toBe(1);
  expect(await metric('aofleet_process_drift{process="bank"')).toBe(1);
});

test.each(["bank", "ledger"])("a member that refuses requests, until it serves again: %s", async (name) => {
  await fleet.rounds(1);
  await fleet.send(name, "DRAIN", {}, { tags: { Epoch: "1" } });
  const { report } = await fleet.round();
  expect(report.processes.find((one) => one.name === name)).toMatchObject({
    state: "UNHEALTHY",
    detail: "it refuses requests (DRAINING)",
  });
  expect(report).toMatchObject({ success: false, fleet: { state: "UNHEALTHY" } });
  expect(messages()).toContain(`PROCESS_UNHEALTHY ${name}: it refuses requests (DRAINING)`);
  await fleet.send(name, "RESUME", {}, { tags: { Epoch: "1" } });
  await fleet.rounds(1);
  expect(messages()).toEqual([]);
});

test("what refuses requests on purpose is no fault: while a deployment runs, or another revision has traffic", async () => {
  await fleet.send("bank", "DRAIN", {}, { tags: { Epoch: "1" } });
  const { report: before } = await fleet.round();
  expect(before.processes.find((one) => one.name === "bank")).toMatchObject({ state: "UNHEALTHY" });
  const begun = {
    seq: 1,
    at: Date.parse(before.at),
    from: "owner",
    kind: "DEPLOYMENT_BEGUN",
    deploymentId: "d1",
  };
  fleet.store.addEntries(fleet.idOf("ledger"), [begun as LedgerEntry]);
  const { report } = await fleet.round();
  expect(report).toMatchObject({ success: true, alerts: [] });
  expect(report.processes.find((one) => one.name === "bank")).toMatchObject({
    state: "HEALTHY",
    detail: "it refuses requests (DRAINING): a deployment is under way",
  });
  const sharing = [{ of: "shop" }];
  expect(refusalReason({ name: "shop" }, sharing, false)).toBe("another revision has traffic, too");
  expect(refusalReason({ name: "shop (12345678)", of: "shop" }, sharing, false)).toBe(
    "another revision has traffic, too",
  );
  expect(refusalReason({ name: "bank" }, sharing, false)).toBeUndefined();
});

test("a stranger's attack: who, what and how often", async () => {
  await fleet.rounds(1);
  for (let n = 0; n < 6; n += 1)
    await fleet.send("shop", "RETIRE", {}, { stranger: true, tags: { Epoch: "99" } });
  expect(await fleet.rounds(1)).toEqual([["SECURITY_ALERT shop"]]);
  expect(messages()[0]).toMatch(
    /^SECURITY_ALERT shop: it refused 6 messages since the last round: FORBIDDEN 6×: RETIRE by /,
  );
  expect(await metric('aofleet_process_refused_total{process="shop"')).toBe(6);
  // The attack is over with the next quiet round.
  expect(await fleet.rounds(1)).toEqual([[]]);
});

test("a unit's rate limit is not a fault of the processes", async () => {
  await fleet.rounds(1);
  const remove = fleet.net.behaviours.limitedDryruns(0);
  const { report, changes } = await fleet.round();
  remove();
  expect(changes).toEqual([]);
  expect(report.processes.map(({ state, outcome }) => [state, outcome])).toEqual(
    Array(3).fill(["HEALTHY", "unread"]),
  );
  expect(report.notes[0]).toContain("RATE_LIMITED");
});

test.each([
  ["two days ago", 48, ["PROCESS_DRIFT shop"]],
  ["an hour ago", 1, []],
])(
  "a deployment that began %s and did not end: drift is reported after a day",
  async (_when, hours, open) => {
    const began = { seq: 1, at: Date.now() - hours * 3_600_000, kind: "DEPLOYMENT_BEGUN" };
    const more = { deploymentId: "d1", from: fleet.idOf("bank") };
    fleet.store.addEntries(fleet.idOf("ledger"), [{ ...began, ...more }]);
    await fleet.load("shop", {}, "other code");
    expect(await fleet.rounds(1)).toEqual([open]);
  },
);
