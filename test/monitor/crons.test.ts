import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { releasePath } from "../../src/fleet/releases/document.ts";
import { CRON_REQUEST_INTERVAL_MS, CronWatch } from "../../src/operations/observe/crons.ts";
import { fakeAo, fakeFleet, idOf, member } from "../cli/fakes.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";

test("monitoring of crons is requested in the first round and then hourly, only for members with a cron; a failure is repeated at once", async () => {
  const asked: string[] = [];
  let answer: () => boolean = () => true;
  const ao = {
    ...fakeAo(() => ({})),
    monitor: async ({ processId, on }: { processId: string; on: boolean }) => {
      asked.push(`${processId} ${on}`);
      return answer();
    },
  };
  let now = 0;
  const clock = { now: () => now, ticks: () => now, sleep: async () => {} };
  const members = [member("clock"), member("shop"), member("old", { status: "RETIRED" })];
  const crons = new CronWatch(fakeFleet(ao, members), clock, async () => new Set(["clock", "old"]));
  const notes: string[] = [];
  const round = async () => {
    await crons.update(members, (text) => void notes.push(text));
    now += 60_000;
    return asked.splice(0);
  };
  const call = `${idOf("clock")} true`;
  expect(await round()).toEqual([call]);
  expect(await round()).toEqual([]);
  now = CRON_REQUEST_INTERVAL_MS;
  expect(await round()).toEqual([call]);
  expect(notes).toEqual([]);

  now += CRON_REQUEST_INTERVAL_MS;
  answer = () => {
    throw new FleetError({ code: "WALLET_MISSING", what: "No wallet is configured", remedy: "Set one." });
  };
  expect(await round()).toEqual([call]);
  expect(notes.splice(0)).toEqual([
    "clock: its cron could not be requested again: No wallet is configured [WALLET_MISSING]",
  ]);
  answer = () => false;
  expect(await round()).toEqual([call]);
  expect(notes).toEqual(["clock: the network's messenger unit drives no crons"]);
  expect(await round()).toEqual([]);
});

test("the members with a cron are those of the current release whose cron the network drives", async () => {
  const asked: string[] = [];
  const ao = {
    ...fakeAo(() => ({})),
    monitor: async ({ processId }: { processId: string }) => asked.push(processId) > 0,
  };
  const tags = { "Cron-Interval": "10-minutes" };
  const declared = {
    clock: declaredProcess({ tags }),
    driven: declaredProcess({ tags, cronDriver: "monitor" }),
    tagged: declaredProcess({ tags: { Colour: "blue" } }),
    shop: declaredProcess(),
  };
  const members = Object.keys(declared).map((name) => member(name));
  const fleet = fakeFleet(ao, members);
  const scope = { ...fleet.session.scope, home: temporaryFolder("crons") };
  const path = releasePath(scope, "current");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(releaseOf("deploy-1", 1, declared)));
  const here = { ...fleet, session: { ...fleet.session, scope } } as FleetSession;
  const clock = { now: () => 0, ticks: () => 0, sleep: async () => {} };
  await new CronWatch(here, clock).update(members, () => {});
  expect(asked).toEqual([idOf("clock")]);
});
