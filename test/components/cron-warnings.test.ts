import { describe, expect, test } from "vitest";
import { cronFindings, ticksADay } from "../../components/cron-warnings.ts";
import { FleetDeclarationSchema } from "../../components/declaration.ts";

const fleetOn = (network: object, tags: Record<string, string>, more: object = {}) =>
  FleetDeclarationSchema.parse({
    ...more,
    network,
    processes: { admin: { tags, peers: ["battle", "shop"] }, battle: {}, shop: { tags: { Kind: "x" } } },
  });

describe("a cron", () => {
  test.each([
    ["30-seconds", 2880],
    ["1-second", 86_400],
    ["5-minutes", 288],
    ["1-hour", 24],
    ["2-days", 0.5],
    ["1-block", 720],
    ["10-blocks", 72],
    ["0-seconds", undefined],
    ["often", undefined],
  ])("%s ticks %s times a day", (interval, ticks) => {
    expect(ticksADay(interval)).toBe(ticks);
  });

  test("is reported with its permanent messages a day, peers included; not on the embedded network", () => {
    const tags = { "Cron-Interval": "30-seconds" };
    const names = ["admin", "battle", "shop"];
    const [finding, ...others] = cronFindings(fleetOn({ kind: "legacy" }, tags), names);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: "CRON_PERMANENT", at: "processes.admin.tags.Cron-Interval" });
    expect(finding?.what).toContain("2,880 times a day");
    expect(finding?.got).toBe(
      "30-seconds: with one message a tick, 2,880 permanent messages a day; with a message to each of its 2 peers and their answers, 11,520",
    );
    expect(cronFindings(fleetOn({ kind: "local", dir: "x" }, tags), names)).toEqual([]);
    expect(cronFindings(fleetOn({ kind: "legacy" }, {}), names)).toEqual([]);
    expect(cronFindings(fleetOn({ kind: "legacy" }, tags), ["battle"])).toEqual([]);
  });

  test("that the fleet's monitor drives is reported with its own messages, and that it ticks only while the monitor runs", () => {
    const tags = { "Cron-Interval": "30-seconds" };
    const names = ["admin", "battle", "shop"];
    const byMonitor = (network: object) =>
      cronFindings(fleetOn(network, tags, { cronDriver: "monitor" }), names);
    for (const kind of ["mainnet", "legacy"]) {
      expect(byMonitor({ kind })).toMatchObject([
        {
          code: "CRON_BY_MONITOR",
          what: "The cron of admin ticks only while npx fleet monitor --tick runs. Each tick is a permanent message that it signs.",
          at: "processes.admin.tags.Cron-Interval",
          got: "30-seconds: 2,880 permanent messages a day for the ticks alone; with a message to each of its 2 peers and their answers, 14,400",
        },
      ]);
    }
    const [local] = byMonitor({ kind: "local", dir: "x", protocol: "mainnet" });
    expect(local?.got).toContain("30-seconds: 2,880 messages a day");
  });
});
