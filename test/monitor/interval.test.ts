/** How often the monitor has a round where the rate of dry runs is limited. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSettings } from "../../src/monitor/settings.ts";
import { openStore } from "../../src/monitor/store.ts";
import { monitorOf } from "../../src/operations/observe/monitor.ts";
import { type Behaviour, fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";
import { turnedClock } from "./clock.ts";

const said = { success: true, version: "1.0.0", sourceHash: HASH, epoch: 7, release: "r", status: "ACTIVE" };
const healthy: Behaviour = ({ action, data }) => {
  if (action === "Info") return { reply: said };
  const { nonce } = (JSON.parse(data) as { healthCheck: { nonce: string } }).healthCheck;
  return { reply: { ...said, healthStatus: "HEALTHY", checks: [], nonce } };
};

test("the interval leaves time for the dry runs of a round: on a node, those of processes with a cron that the monitor drives", async () => {
  const clock = turnedClock();
  const asked: string[] = [];
  const ao = fakeAo(healthy);
  const state = { ...said, schema: 1, at: clock.now(), health: { healthStatus: "HEALTHY", failed: [] } };
  const node = {
    ...ao,
    published: async () => state,
    dryrun: async (...given: Parameters<typeof ao.dryrun>) => {
      asked.push(given[0].processId);
      return ao.dryrun(...given);
    },
  };
  const fleet = fakeFleet(node, [member("battle"), member("shop")]);
  const folder = temporaryFolder("interval");
  Object.assign(fleet.session.scope, { home: join(folder, ".fleet"), build: join(folder, "build") });
  const tags = { "Cron-Interval": "30-seconds" };
  const release = releaseOf("d", 1, { battle: declaredProcess({ tags, cronDriver: "monitor" }) });
  writeFiles({ ".fleet/releases/ao-fleet.dev/current.json": JSON.stringify(release) }, folder);
  const store = openStore(":memory:");
  const monitor = await monitorOf({
    ...{ fleet, store, clock, env: {}, history: undefined, commits: async () => [], notify: false },
    settings: readSettings("readsPerMinute: 1", "monitoring.yaml", {}),
  });
  await monitor.round();
  store.close();
  expect(asked).toEqual([idOf("battle"), idOf("battle")]);
  expect(monitor.intervalMs).toBe(60_000 * asked.length);
});

test("a round asks whether the monitor still has its lock before it reads, and before it raises alerts", async () => {
  const events: string[] = [];
  const ao = fakeAo((request) => {
    events.push("read");
    return healthy(request);
  });
  const store = openStore(":memory:");
  const monitor = await monitorOf({
    ...{ fleet: fakeFleet(ao, [member("shop")]), clock: turnedClock(), env: {}, history: undefined },
    store: {
      ...store,
      keep(...given) {
        events.push("kept");
        store.keep(...given);
      },
    },
    ...{ commits: async () => [], notify: false, assertHeld: () => void events.push("asked") },
    settings: readSettings("", "monitoring.yaml", {}),
  });
  await monitor.round();
  store.close();
  expect(events).toEqual(["asked", "read", "read", "asked", "kept"]);
});
