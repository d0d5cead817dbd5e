import { describe, expect, it, vi } from "vitest";
import {
  type ConfigDrift,
  configDriftOf,
  driftText as configText,
} from "../../providers/config-bundle/drift.ts";
import { explainChanges } from "../../providers/config-bundle/lifecycle.ts";
import type { ConfigBundleOutputs } from "../../providers/config-bundle/schema.ts";
import { readDriftFacts, storeDriftFacts } from "../../providers/run/drift-facts.ts";
import { type TrafficDrift, driftText as trafficText } from "../../providers/traffic/drift.ts";
import { explainTraffic } from "../../providers/traffic/explain-changes.ts";
import { tableDrift } from "../../providers/traffic/rollout-progress.ts";
import { TrafficInputsSchema, type TrafficOutputs } from "../../providers/traffic/schema.ts";
import { type WiringDrift, driftText as wiringText } from "../../providers/wiring/drift.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import type { WiringOutputs } from "../../providers/wiring/schema.ts";
import { deployerChanges, tableChanges } from "../../providers/wiring/table.ts";
import type { Table } from "../../src/delivery/wire.ts";

const target = { name: "battle", processId: "b".repeat(43), generation: 1 };
const common = { scope: { project: "game", stack: "dev" }, network: { kind: "local", dir: ".fleet/net" } };

describe("a refresh's findings in a state", () => {
  const found: WiringDrift[] = [
    { code: "PEER_REPLACED", peer: "shop" },
    { code: "ROUTER", router: "gate" },
  ];

  it("are a sentence each, and its content as data", () => {
    const kept = storeDriftFacts(found, wiringText);
    expect(kept).toEqual({
      drift: ["peer shop has another process id", "the router is gate"],
      driftFacts: found,
    });
    expect(readDriftFacts(kept)).toEqual(found);
  });

  it("have no data if nothing was found: a refresh of a state of version 0.1.0 changes nothing", () => {
    expect(Object.keys(storeDriftFacts([], wiringText))).toEqual(["drift"]);
  });

  it("are the sentences if an earlier version wrote them since and left the older data", () => {
    expect(readDriftFacts({ drift: ["words"], driftFacts: found })).toEqual([
      { code: "UNKNOWN", text: "words" },
    ]);
    expect(readDriftFacts({ drift: [], driftFacts: found })).toEqual([]);
  });
});

describe("findings in words", () => {
  const services = (processId: string): Table["services"] => ({
    battle: { key: "sender", routes: [{ processId, revision: "r", weightBp: 10_000 }] },
  });
  const now = { release: "r2", step: 1, services: services("n".repeat(43)) };
  const left = { release: "r1", step: 3, services: services("l".repeat(43)) };

  it.each<[ConfigDrift, string]>([
    [{ code: "UNPROVED" }, "not all targets accepted the last distribution"],
    [{ code: "UNREADABLE", target: "battle" }, "battle refuses to show its settings to this wallet"],
    [{ code: "NOT_HELD", target: "battle" }, "battle holds no SERVICES"],
    [
      configDriftOf(
        "battle",
        { size: 1, token: "sealed:1:a" },
        {
          ...{ data: { size: 2, token: "plain" }, version: 3, hash: "h", notEnforceable: [] },
          ...{ by: "me", requestedBy: "you", at: 1_700_000_000_000 },
        },
      ),
      'battle holds other SERVICES: size 1 → 2, token (sealed) → "plain" (v3 by you through me at 2023-11-14T22:13:20.000Z)',
    ],
    [
      { code: "OTHER_SETTINGS", target: "battle", fields: [], version: "2.1" },
      "battle holds other SERVICES:  (v2.1)",
    ],
  ])("%j of a config bundle", (finding, text) => {
    expect(configText("SERVICES", finding)).toBe(text);
  });

  it.each<[WiringDrift, string]>([
    [{ code: "UNPROVED" }, "the last wiring was not verified"],
    [{ code: "UNANSWERED", target: "battle" }, "battle does not answer"],
    [{ code: "PEER_ADDED", peer: "shop" }, "peer shop joins"],
    [{ code: "PEER_REMOVED", peer: "shop" }, "peer shop leaves"],
    [{ code: "PEER_LIBRARY", peer: "shop", hasLibrary: true }, "peer shop has the library"],
    [{ code: "PEER_LIBRARY", peer: "shop", hasLibrary: false }, "peer shop has no library"],
    [{ code: "ROUTER" }, "the router is none of the peers"],
    [{ code: "ALLOWED", who: "admin" }, "admin may change it"],
    [{ code: "NOT_ALLOWED", who: "admin" }, "admin may no longer change it"],
  ])("%j of a wiring", (finding, text) => {
    expect(wiringText(finding)).toBe(text);
  });

  it.each<[TrafficDrift, string]>([
    [{ code: "UNANSWERED" }, "the router does not answer"],
    [{ code: "UNREADABLE", router: "gate" }, "gate refuses to show its traffic table to this wallet"],
    [{ code: "NO_TABLE" }, "the router has no table"],
    [{ code: "OTHER_TABLE", is: now, was: null }, "the router has the table of release r2, step 1"],
    [
      { code: "OTHER_TABLE", is: now, was: left },
      "battle 100 % nnnnnnnn (release r2, step 1) instead of battle 100 % llllllll (release r1, step 3)",
    ],
  ])("%j of traffic", (finding, text) => {
    expect(trafficText(finding)).toBe(text);
  });

  it("come from the differences", () => {
    const [before, after] = [
      { peers: { a: "1" } },
      { peers: { a: "2" }, withoutLibrary: ["a"], routerId: "2" },
    ];
    expect(tableChanges(before, after)).toEqual([
      { code: "PEER_REPLACED", peer: "a" },
      { code: "PEER_LIBRARY", peer: "a", hasLibrary: false },
      { code: "ROUTER", router: "a" },
    ]);
    expect(deployerChanges({ admin: "1", ci: "2" }, ["2", "3"])).toEqual([
      { code: "ALLOWED", who: "3" },
      { code: "NOT_ALLOWED", who: "admin" },
    ]);
    const table: Table = { ...now, salt: "s", mode: "steady", at: 1 };
    const of = (one: Table | null) => ({ table: one, phase: "COMPLETED" as const });
    const state = { table, proofs: {}, serial: 1, epoch: 1, at: 1 };
    expect(tableDrift(of(null), state)).toEqual([{ code: "OTHER_TABLE", is: now, was: null }]);
    expect(tableDrift(of({ ...table, ...left }), state)).toEqual([
      { code: "OTHER_TABLE", is: now, was: left },
    ]);
    expect(tableDrift(of(table), state)).toEqual([]);
    expect(tableDrift(of(table), undefined)).toEqual([{ code: "UNANSWERED" }]);
  });
});

describe("a plan reports a refresh's findings, from the data, or from a state of version 0.1.0, which has sentences alone:", () => {
  it("of a config bundle", () => {
    const olds = {
      ...{
        configType: "SERVICES",
        configData: {},
        targets: [target],
        hash: "h",
        version: 1,
        schemaVersion: 1,
      },
      drift: ["battle holds no SERVICES"],
    } as unknown as ConfigBundleOutputs;
    const driftFacts: ConfigDrift[] = [{ code: "NOT_HELD", target: "battle" }];
    for (const state of [olds, { ...olds, driftFacts, drift: ["other words"] }])
      expect(explainChanges(state, olds)).toEqual(["changed by hand: battle holds no SERVICES"]);
    const unproved = { ...olds, ...storeDriftFacts<ConfigDrift>([{ code: "UNPROVED" }], () => "") };
    expect(explainChanges(unproved, olds)).toEqual(["not all targets accepted the last distribution"]);
  });

  it("of a wiring", async () => {
    const raw = { ...common, target, peers: {} };
    const olds = {
      ...{ ...raw, hash: "h", schemaVersion: 1 },
      drift: ["peer shop leaves"],
    } as unknown as WiringOutputs;
    const driftFacts: WiringDrift[] = [{ code: "PEER_REMOVED", peer: "shop" }];
    const lines: string[] = [];
    const spy = vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
    try {
      for (const state of [olds, { ...olds, driftFacts, drift: ["other words"] }])
        expect(await wiring.diff("id", state, raw)).toMatchObject({ changes: true });
      const unproved = { ...olds, ...storeDriftFacts<WiringDrift>([{ code: "UNPROVED" }], () => "") };
      expect(await wiring.diff("id", unproved, raw)).toMatchObject({ changes: true });
    } finally {
      spy.mockRestore();
    }
    const said = "battle wiring: changed by hand: peer shop leaves";
    expect(lines).toEqual([said, said, "battle wiring: the last wiring was not verified"]);
  });

  it("of traffic", () => {
    const news = TrafficInputsSchema.parse({ ...common, router: target, release: "r1", services: {} });
    const olds = {
      ...news,
      ...{ phase: "COMPLETED", table: { release: "r1", step: 1, services: {} } },
      drift: ["the router has no table"],
    } as unknown as TrafficOutputs;
    const driftFacts: TrafficDrift[] = [{ code: "NO_TABLE" }];
    for (const state of [olds, { ...olds, driftFacts, drift: ["other words"] }])
      expect(explainTraffic(state, news)).toEqual(["changed by hand: the router has no table"]);
  });
});
