import { describe, expect, it } from "vitest";
import { FleetDeclarationSchema } from "../../components/declaration.ts";
import { networkProblems } from "../../components/network-problems.ts";
import { capacityOf, embeddedFolder, explorerOf, type NetworkRef } from "../../src/ao/network.ts";

const fleetOn = (network: NetworkRef, tags: Record<string, string>, more: object = {}) =>
  FleetDeclarationSchema.parse({ network, processes: { admin: { tags }, shop: {} }, ...more });
const names = ["admin", "shop"];
const NODES: NetworkRef[] = [{ kind: "mainnet" }, { kind: "local", dir: "x", protocol: "mainnet" }];
const UNITS: NetworkRef[] = [{ kind: "legacy" }, { kind: "local", dir: "x" }];

describe("what is known of a network without contacting it", () => {
  it.each([...NODES, ...UNITS])("$kind $protocol", (network) => {
    const isLocal = network.kind === "local";
    const { devices, crons, permanent } = capacityOf(network);
    expect([devices, crons]).toEqual([NODES.includes(network), UNITS.includes(network)]);
    expect(permanent).toBe(!isLocal);
    expect(embeddedFolder(network)).toBe(isLocal ? "x" : null);
    expect(explorerOf(network)?.("message", "id") ?? null).toBe(
      isLocal ? null : "https://www.ao.link/#/message/id",
    );
  });
});

describe("what the network of a fleet cannot do", () => {
  it.each(NODES)("is a cron on a node: $kind", (network) => {
    const tags = { "Cron-Interval": "30-seconds", "Cron-Tag-Action": "Tick" };
    expect(networkProblems(fleetOn(network, tags), names)).toMatchObject([
      { code: "CRON_NOT_DRIVEN", at: "processes.admin.tags.Cron-Interval", got: "30-seconds" },
    ]);
    for (const units of UNITS) expect(networkProblems(fleetOn(units, tags), names)).toEqual([]);
  });

  it.each([...NODES, ...UNITS])("is no cron that the fleet's monitor drives: $kind", (network) => {
    const byMonitor = (tags: Record<string, string>) =>
      networkProblems(fleetOn(network, tags, { cronDriver: "monitor" }), names);
    expect(byMonitor({ "Cron-Interval": "30-seconds", "Cron-Tag-Action": "Tick" })).toEqual([]);
    for (const interval of ["3-blocks", "500-milliseconds", "often"]) {
      expect(byMonitor({ "Cron-Interval": interval })).toMatchObject([
        { code: "CRON_INTERVAL_INVALID", at: "processes.admin.tags.Cron-Interval", got: interval },
      ]);
    }
  });

  it("are tags of a tick that a node takes for its own", () => {
    const tags = { "Cron-Interval": "1-hour", "Cron-Tag-Action": "Tick", "Cron-Tag-body": "x" };
    const found = NODES.map((network) =>
      networkProblems(fleetOn(network, tags, { cronDriver: "monitor" }), names),
    );
    for (const problems of found) expect(problems).toMatchObject([{ code: "TAGS_INVALID", got: "body" }]);
  });

  it.each(NODES)("are tags that a node cannot encode or takes for its own: $kind", (network) => {
    const tags = { "a.b": "1", body: "2", Device: "3", "Fleet-Release": "4" };
    const found = networkProblems(fleetOn(network, tags), names);
    expect(found.map(({ code, at, got }) => [code, at, got])).toEqual(
      ["a.b", "body", "Device"].map((tag) => ["TAGS_INVALID", "processes.admin.tags", tag]),
    );
    for (const units of UNITS) expect(networkProblems(fleetOn(units, tags), names)).toEqual([]);
  });

  it("are tags that are too long for any network", () => {
    for (const network of [...NODES, ...UNITS]) {
      expect(networkProblems(fleetOn(network, { Long: "x".repeat(4000) }), names)).toMatchObject([
        { code: "TAGS_INVALID", at: "processes.admin.tags" },
        { code: "TAGS_INVALID", at: "processes.admin.tags" },
      ]);
    }
  });
});
