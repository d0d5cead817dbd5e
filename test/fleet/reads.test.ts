import { describe, expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { changeAlerts, dryAlerts, raiseAlert } from "../../src/fleet/protocol/alerts.ts";
import { dryAudit } from "../../src/fleet/protocol/audit.ts";
import { registry } from "../../src/fleet/protocol/registry.ts";
import { statistics } from "../../src/fleet/protocol/statistics.ts";
import { commandTraffic, dryTraffic } from "../../src/fleet/protocol/traffic.ts";
import type { OperationContext } from "../../src/operations/context.ts";
import { fleetSource } from "../../src/operations/view/source.ts";
import { type Behaviour, fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";

const ledger = member("ledger");
const answering = (reply: unknown) =>
  fakeFleet(
    fakeAo(() => ({ reply })),
    [ledger],
  );

describe("the ledger's registry", () => {
  const registered = (processes: unknown) =>
    registry(answering({ success: true, processes }).session, ledger, budgetOf(5));

  test("is empty when nobody is registered: Lua writes an empty list", async () => {
    expect(await registered([])).toEqual({});
  });

  test("has defaults for fields that an entry lacks or that have another type", async () => {
    const entries = await registered({
      [idOf("shop")]: { version: 2, capabilities: {}, metadata: { lib: "no" } },
    });
    expect(entries[idOf("shop")]).toMatchObject({
      processType: "",
      version: "",
      capabilities: [],
      metadata: {},
    });
    expect(entries[idOf("shop")]?.metadata?.lib).toBeUndefined();
  });

  test("is read for one type only if one is named", async () => {
    const ao = fakeAo(() => ({ reply: { success: true, processes: {} } }));
    const { session } = fakeFleet(ao, [ledger]);
    await registry(session, ledger, budgetOf(5), "SHOP");
    await registry(session, ledger, budgetOf(5));
    expect(ao.sent.map(({ tags }) => tags["Process-Type"])).toEqual(["SHOP", undefined]);
  });
});

test("a refused audit is an error, not an empty audit", async () => {
  const refusal = { success: false, error: { code: "FORBIDDEN", message: "not for you" } };
  await expect(dryAudit(answering(refusal), ledger, 5)).rejects.toMatchObject({ code: "FORBIDDEN" });
  expect(await dryAudit(answering({ success: true, entries: {} }), ledger, 5)).toEqual([]);
  // The page calls the command with nothing else.
  const source = fleetSource({} as OperationContext, answering(refusal), async () => {});
  await expect(source.audit("ledger")).rejects.toMatchObject({ code: "AUDIT_UNREADABLE" });
});

test("statistics that a library does not count are 0, unless the caller requires that it counts", async () => {
  const { session } = answering({ success: true, statistics: { errors: 2, byAction: [] } });
  expect(await statistics(session, ledger, budgetOf(5))).toMatchObject({
    messages: 0,
    errors: 2,
    byAction: {},
  });
  const strict = statistics(session, ledger, budgetOf(5), { mustCount: true });
  await expect(strict).rejects.toMatchObject({ code: "BAD_REPLY" });
});

test("an unreadable traffic table is an error, not an empty table", async () => {
  await expect(dryTraffic(answering({ success: true }), ledger, 5)).rejects.toMatchObject({
    code: "BAD_REPLY",
  });
  const none = { success: true, proofs: [], serial: 0, epoch: 0, at: 0 };
  expect((await dryTraffic(answering(none), ledger, 5)).table).toBeUndefined();
});

describe("alerts of a process", () => {
  const alert = {
    ...{ alertId: "alert-7", type: "PROCESS_OFFLINE", source: "shop", level: "CRITICAL", state: "OPEN" },
    ...{ count: 2, raisedAt: 1000 },
  };

  test("are read in one shape: with defaults, and as an error if they are unreadable", async () => {
    expect(await dryAlerts(answering({ success: true, alerts: [alert] }), ledger, 5)).toEqual([
      { ...alert, message: "" },
    ]);
    expect(await dryAlerts(answering({ success: true, alerts: {} }), ledger, 5)).toEqual([]);
    const unreadable = answering({ success: true, alerts: [{ ...alert, alertId: 7 }] });
    await expect(dryAlerts(unreadable, ledger, 5)).rejects.toMatchObject({ code: "BAD_REPLY" });
  });

  test("are raised and changed by one signed message each, from the monitor and from the page", async () => {
    const ao = fakeAo(() => ({ reply: { success: true } }));
    const known = fakeFleet(ao, [ledger]);
    const { type, source, level } = alert;
    await raiseAlert(known.session, ledger, { type, source, message: "m", level }, budgetOf(5));
    await changeAlerts(known.session, ledger, { operation: "resolve", type, source }, budgetOf(5));
    await fleetSource({} as OperationContext, known, async () => {}).act(
      { kind: "acknowledge", alert: "ledger/alert-7" },
      () => {},
    );
    const sent = ao.sent.filter(({ tags }) => /ALERT/.test(tags.Action ?? ""));
    expect(sent.map(({ tags, data }) => [tags.Action, JSON.parse(data)])).toEqual([
      ["RAISE_ALERT", { type, source, message: "m", level }],
      ["ALERT_MANAGEMENT", { operation: "resolve", type, source }],
      ["ALERT_MANAGEMENT", { operation: "acknowledge", alertId: "alert-7" }],
    ]);
  });
});

test("a person's command is one signed message, and the router's reply names the table", async () => {
  const table = { release: "r1", step: 2, mode: "steady" };
  const ao = fakeAo(() => ({ reply: { success: true, command: "abort", ...table } }));
  const abort = { command: "abort", release: "r1" } as const;
  expect(await commandTraffic(fakeFleet(ao, [ledger]).session, ledger, abort, budgetOf(5))).toMatchObject(
    table,
  );
  expect(ao.sent.map(({ tags, data }) => [tags.Action, JSON.parse(data)])).toEqual([
    ["TRAFFIC_COMMAND", abort],
  ]);
  const silent = commandTraffic(answering({ success: true }).session, ledger, abort, budgetOf(5));
  await expect(silent).rejects.toMatchObject({ code: "BAD_REPLY" });
});

describe("what the page could not read is named, and is not absent", () => {
  /** The parts that could not be read of a fleet without a readable history. */
  const unreadOf = async (behaviour: Behaviour) => {
    const context = {
      projectDir: "/nowhere",
      workspace: () =>
        Promise.reject(
          new FleetError({ code: "STATE_UNREADABLE", what: "The backend is down.", remedy: "Look." }),
        ),
    } as unknown as OperationContext;
    const known = { ...fakeFleet(fakeAo(behaviour), [ledger], "ledger"), router: "ledger" };
    return (await fleetSource(context, known, async () => {}).observe()).unread;
  };
  const info = { name: "ledger", status: "ACTIVE", version: "1", sourceHash: HASH, epoch: 1, release: "r" };

  test("if the ledger, which has the router, does not answer", async () => {
    expect(await unreadOf(() => ({}))).toEqual(["releases", "traffic", "alerts"]);
  });

  test.each([
    ["GET_TRAFFIC", ["releases", "traffic"]],
    ["ALERT_MANAGEMENT", ["releases", "alerts"]],
    ["", ["releases"]],
  ])("if the ledger refuses %j", async (refused, unread) => {
    const behaviour: Behaviour = ({ action, data }) => {
      if (action === refused) return { reply: { success: false, error: { code: "BUSY", message: "later" } } };
      if (action === "GET_TRAFFIC")
        return { reply: { success: true, proofs: [], serial: 0, epoch: 0, at: 0 } };
      if (action === "ALERT_MANAGEMENT") return { reply: { success: true, alerts: [] } };
      const nonce = JSON.parse(data || "{}").healthCheck?.nonce ?? "";
      const capabilities = ["TRAFFIC_ROUTING", "DEPLOYMENT_COORDINATION"];
      return {
        reply: {
          success: true,
          ...info,
          peers: {},
          capabilities,
          healthStatus: "HEALTHY",
          checks: [],
          nonce,
        },
      };
    };
    expect(await unreadOf(behaviour)).toEqual(unread);
  });
});
