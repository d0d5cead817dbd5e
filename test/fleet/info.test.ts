import { describe, expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { TrafficStateSchema } from "../../src/delivery/wire.ts";
import { readConfigs } from "../../src/fleet/config/reported-configs.ts";
import { VerdictSchema } from "../../src/fleet/health/verdict.ts";
import { dryAlerts } from "../../src/fleet/protocol/alerts.ts";
import { dryAudit } from "../../src/fleet/protocol/audit.ts";
import { dryInfo, info } from "../../src/fleet/protocol/info.ts";
import { dryLedgerPage } from "../../src/fleet/protocol/ledger.ts";
import { statistics } from "../../src/fleet/protocol/statistics.ts";
import { whenOf } from "../../src/operations/settings/describe.ts";
import { ADDRESS, fakeAo, fakeFleet, member } from "../cli/fakes.ts";

const shop = member("shop");

/** A fleet whose only member answers `Info` with this. */
const answering = (reply: unknown) =>
  fakeFleet(
    fakeAo(() => ({ reply })),
    [shop],
  );
const asked = (reply: unknown, ...needed: Parameters<typeof info>[3][]) =>
  info(answering(reply).session, shop, budgetOf(5), ...needed);

describe("a reply to Info", () => {
  test("of an earlier library is read with defaults for the fields it lacks", async () => {
    const reply = await asked({ success: true, status: "ACTIVE", epoch: 3 }, "status", "epoch");
    expect(reply).toMatchObject({
      ...{ status: "ACTIVE", epoch: 3, version: "", sourceHash: "", release: "", stateVersion: "" },
      ...{ capabilities: [], handlers: [], migrations: [], allowed: [], peers: {} },
    });
    const { owner, router, changedByHand, peersWithoutLibrary, configVersions, stats } = reply;
    for (const one of [owner, router, changedByHand, peersWithoutLibrary, configVersions, stats])
      expect(one).toBeUndefined();
  });

  test("is read with empty lists for tables, which Lua writes alike", async () => {
    const empty = { peers: [], configVersions: [], allowed: {}, capabilities: {}, peersWithoutLibrary: {} };
    expect(await asked({ success: true, ...empty }, "peers", "configVersions", "allowed")).toMatchObject({
      ...{ peers: {}, configVersions: {}, allowed: [], capabilities: [], peersWithoutLibrary: [] },
    });
  });

  test("of a program with its own Info is read without the fields of another type", async () => {
    const own = { success: true, version: 7, processType: ["BATTLE"], capabilities: [1], status: 200 };
    const { version, processType, capabilities, status } = await asked(own);
    expect([version, processType, capabilities, status]).toEqual(["", undefined, [], undefined]);
  });

  test("is read without figures below zero, and without a time that no date has", async () => {
    const stats = { messages: 1, errors: 0, refused: 0, luaHeapKB: 5, lastTickAt: 1000 };
    const read = async (odd: object) => (await asked({ success: true, stats: { ...stats, ...odd } })).stats;
    expect(await read({})).toEqual(stats);
    for (const odd of [{ messages: -1 }, { errors: -1 }, { refused: -1 }, { luaHeapKB: -1 }])
      expect(await read(odd)).toBeUndefined();
    for (const lastTickAt of [1e17, -1])
      expect(await read({ lastTickAt })).toEqual({ ...stats, lastTickAt: undefined });
  });

  test("of its alerts is an error if a time is one that no date has", async () => {
    const alert = { alertId: "a", type: "T", source: "s", level: "INFO", state: "OPEN", count: 1 };
    const read = (raisedAt: number) =>
      dryAlerts(answering({ success: true, alerts: [{ ...alert, raisedAt }] }), shop, 5);
    expect(await read(1000)).toMatchObject([{ raisedAt: 1000 }]);
    await expect(read(1e17)).rejects.toMatchObject({ code: "BAD_REPLY" });
  });

  test("of its ledger, audit, figures and health is read without a time that no date has", async () => {
    const entry = { seq: 1, from: "A", kind: "K", action: "X" };
    const of = (at: number) => {
      const fleet = answering({
        ...{ success: true, entries: [{ ...entry, at }], next: 1, length: 1 },
        statistics: { messages: 1, lastMessageAt: at },
      });
      return [
        dryLedgerPage(fleet, shop, 5, 0),
        dryAudit(fleet, shop, 5),
        statistics(fleet.session, shop, budgetOf(5)),
      ];
    };
    expect(await Promise.all(of(8.64e15))).toHaveLength(3);
    for (const at of [8.64e15 + 2, -1])
      for (const read of of(at)) await expect(read).rejects.toMatchObject({ code: "BAD_REPLY" });
    const tick = VerdictSchema.shape.lastTickAt;
    expect([1000, 1e17, -1].map((at) => tick.parse(at))).toEqual([1000, undefined, undefined]);
    const lease = TrafficStateSchema.shape.lease;
    const until = (untilMs: number) => lease.safeParse({ untilMs, revertTo: "r" }).success;
    expect([until(1000), until(1e17)]).toEqual([true, false]);
  });

  test("of its settings is read without a time that no date has", async () => {
    const entry = { configData: {}, version: 1, hash: "h", at: 1e17 };
    const history = { LOGGING_CONFIG: [{ ...entry, cleared: { at: 1e17, by: "A" } }] };
    const reply = answering({ success: true, configs: { LOGGING_CONFIG: entry }, history });
    const read = await readConfigs(reply.session, { ...shop }, { history: true }, budgetOf(5));
    expect(read.held.LOGGING_CONFIG).not.toHaveProperty("at");
    const [version] = read.history.LOGGING_CONFIG ?? [];
    expect([version && whenOf(version), version?.cleared && whenOf(version.cleared)]).toEqual(["", ""]);
  });

  test.each([
    ["it is absent", { success: true, epoch: 1 }, "status"],
    ["it has another type", { success: true, status: "ACTIVE", owner: 7 }, "owner"],
    ["it is absent and has a default for readers that do not need it", { success: true }, "version"],
  ] as const)("a needed field is an error if %s", async (_case, reply, field) => {
    const bad = expect.objectContaining({ code: "BAD_REPLY" });
    await expect(asked(reply, field)).rejects.toMatchObject(bad);
    await expect(dryInfo(answering(reply), shop, 5, field)).rejects.toMatchObject(bad);
  });

  test("a number that no double holds is rounded, not lost", async () => {
    const data = '{"success":true,"configVersions":{"LOGGING_CONFIG":9007199254740993}}';
    const ao = fakeAo(() => ({ messages: [{ target: ADDRESS, tags: { Action: "Info-Response" }, data }] }));
    const reply = await dryInfo(fakeFleet(ao, [shop]), shop, 5);
    expect(reply.configVersions).toEqual({ LOGGING_CONFIG: 9007199254740992 });
  });
});

describe("a read by dry run", () => {
  test("uses the library whatever handlers the program has, and is never answered from a cache", async () => {
    const seen: Record<string, string>[] = [];
    const ao = fakeAo(({ tags }) => {
      seen.push(tags);
      return { reply: { success: true, status: "ACTIVE" } };
    });
    const fleet = fakeFleet(ao, [shop]);
    for (const _ of [1, 2]) await dryInfo(fleet, shop, 5, "status");
    expect(seen.map((tags) => tags["Fleet-Request"])).toEqual(["1", "1"]);
    expect(new Set(seen.map((tags) => tags["Correlation-Id"])).size).toBe(2);
    expect(ao.sent).toEqual([]);
  });

  test.each([
    [
      "the process's own code",
      { reply: { success: false, error: { code: "GONE", message: "retired" } } },
      "GONE",
    ],
    ["a Lua error", { error: "attempt to index nil" }, "PROCESS_ERROR"],
    ["no reply", {}, "NO_REPLY"],
    ["something printed", { output: "hello" }, "BAD_REPLY"],
  ])("fails with a code: %s", async (_case, answer, code) => {
    const fleet = fakeFleet(
      fakeAo(() => answer),
      [shop],
    );
    await expect(dryInfo(fleet, shop, 5)).rejects.toMatchObject({ code });
  });
});
