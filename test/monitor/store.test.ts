import { join } from "node:path";
import { expect, test } from "vitest";
import type { Reading } from "../../src/monitor/reading.ts";
import { processRound } from "../../src/monitor/round.ts";
import { readSettings } from "../../src/monitor/settings.ts";
import { openStore } from "../../src/monitor/store.ts";
import { PROCESS_TYPES, TYPE_NAMES } from "../../src/monitor/types.ts";
import { temporaryFolder } from "../kit/folder.ts";

const settings = readSettings("retention: { readingsHours: 1 }", "m.yaml", {});
const healthy: Reading = {
  name: "shop",
  processId: "S",
  outcome: "answered",
  health: "HEALTHY",
  responseMs: 9,
};
const sick: Reading = { ...healthy, health: "UNHEALTHY", detail: "no gold" };
const round = (at: number, ...readings: Reading[]) => ({ at, readings, deploying: false });
const path = () => join(temporaryFolder("monitor"), "deep", "monitor.sqlite");

test("rounds, alerts and silences outlive the process, and another command may change the alerts meanwhile", () => {
  const file = path();
  const monitor = openStore(file);
  const { changes } = processRound(monitor, round(1000, sick), settings);
  expect(changes.map(({ alert }) => alert.type)).toEqual([
    "HEALTH_CHECK_FAILURE_RATE_HIGH",
    "PROCESS_UNHEALTHY",
  ]);
  const other = openStore(file);
  other.atomically(() => {
    const book = other.book();
    other.saveBook({
      ...book,
      alerts: book.alerts.map((alert) => ({ ...alert, state: "ACKNOWLEDGED" as const })),
    });
  });
  other.close();
  processRound(monitor, round(31_000, sick), settings);
  monitor.close();
  const again = openStore(file);
  expect(again.rounds()).toBe(2);
  expect(again.watched()).toMatchObject([{ name: "shop", state: "UNHEALTHY", since: 1000 }]);
  expect(again.book().alerts.map(({ state, count }) => [state, count])).toEqual([
    ["ACKNOWLEDGED", 2],
    ["ACKNOWLEDGED", 2],
  ]);
  again.close();
});

test("old readings are forgotten, and a round that fails in the middle leaves nothing", () => {
  const store = openStore(":memory:");
  for (let minute = 0; minute <= 120; minute += 30)
    processRound(store, round(minute * 60_000, healthy), settings);
  expect(store.since(0).map(({ at }) => at / 60_000)).toEqual([60, 90, 120]);
  expect(() =>
    store.atomically(() => {
      store.keep(1, []);
      throw new Error("power cut");
    }),
  ).toThrow("power cut");
  expect(store.watched()).toHaveLength(1);
  store.close();
});

test("what a receiver has not accepted waits with its round, and is forgotten like resolved alerts", () => {
  const store = openStore(":memory:");
  const own = readSettings(
    "alerts: { retentionHours: 24 }\nreceivers: [{ name: ops, kind: webhook, urlEnv: HOOK }]",
    "m.yaml",
    { HOOK: "http://127.0.0.1:9" },
  );
  const waiting = () => store.unsent("ops").map(({ change }) => `${change.kind} ${change.alert.type}`);
  processRound(store, round(0, sick), own);
  expect(waiting()).toContain("raised PROCESS_UNHEALTHY");
  processRound(store, round(24 * 3_600_000, healthy), own);
  expect(waiting()).toEqual(
    expect.arrayContaining(["raised PROCESS_UNHEALTHY", "resolved PROCESS_UNHEALTHY"]),
  );
  processRound(store, round(24 * 3_600_000 + 1, healthy), own);
  expect(waiting().filter((each) => each.startsWith("raised"))).toEqual([]);
  expect(waiting()).toContain("resolved PROCESS_UNHEALTHY");
  store.close();
});

test.each(["unread", "unknown"] as const)(
  "rounds in which a process is %s count no messages and no time again",
  (outcome) => {
    const store = openStore(":memory:");
    const answered = (messages: number): Reading => ({
      ...healthy,
      counters: { messages, errors: 0, refused: 0, luaHeapKB: 1 },
    });
    const unread: Reading = { name: "shop", processId: "S", outcome };
    const readings = [answered(100), answered(110), unread, unread, unread, unread, unread];
    for (const [n, reading] of readings.entries()) processRound(store, round(n * 30_000, reading), settings);
    const rows = store.since(0);
    expect(rows).toHaveLength(7);
    expect(rows.flatMap(({ delta }) => delta?.messages ?? [])).toEqual([10]);
    expect(rows.flatMap(({ responseMs }) => responseMs ?? [])).toEqual([9, 9]);
    // The next answer counts from the last one.
    processRound(store, round(210_000, answered(115)), settings);
    expect(store.since(210_000)).toMatchObject([{ delta: { messages: 5 } }]);
    store.close();
  },
);

test("a process that leaves the fleet takes its alerts with it", () => {
  const store = openStore(":memory:");
  processRound(store, round(0, healthy, { ...sick, name: "bank", processId: "B" }), settings);
  const { changes } = processRound(store, round(30_000, healthy), settings);
  expect(changes.map(({ kind, alert }) => `${kind} ${alert.type}`)).toContain("resolved PROCESS_UNHEALTHY");
  expect(store.watched().map(({ name }) => name)).toEqual(["shop"]);
  store.close();
});

test("every type of alert about a process is resolved when the process leaves, and no other", () => {
  const store = openStore(":memory:");
  const judgements = TYPE_NAMES.map((type) => ({ type, source: "bank", holds: true, message: "" }));
  const leaving = { ...healthy, name: "bank", processId: "B" };
  processRound(store, round(0, healthy, leaving), settings, { name: "ledger", runs: [], judgements });
  const { changes } = processRound(store, round(30_000, healthy), settings);
  expect(changes.map(({ kind, alert }) => `${kind} ${alert.type}`).sort()).toEqual(
    PROCESS_TYPES.map((type) => `resolved ${type}`).sort(),
  );
  store.close();
});

test("the ledger's entries are kept by sequence number; another ledger starts over", () => {
  const store = openStore(":memory:");
  const entry = (seq: number) => ({ seq, at: seq, kind: "K" });
  store.addEntries("L", [entry(1), entry(2)]);
  store.addEntries("L", [entry(2), entry(3)]);
  expect(store.lastSeq("L")).toBe(3);
  expect(store.entries().map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(store.lastSeq("M")).toBe(0);
  store.addEntries("M", [entry(1)]);
  expect(store.entries()).toHaveLength(1);
  store.close();
});

test("types that are off are not judged, and levels can be changed", () => {
  const store = openStore(":memory:");
  const own = readSettings(
    "alerts: { off: [HEALTH_CHECK_FAILURE_RATE_HIGH], levels: { PROCESS_UNHEALTHY: INFO } }",
    "m.yaml",
    {},
  );
  const { changes } = processRound(store, round(0, sick), own);
  expect(changes.map(({ alert }) => [alert.type, alert.level])).toEqual([["PROCESS_UNHEALTHY", "INFO"]]);
  store.close();
});
