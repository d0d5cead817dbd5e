/** A fleet on a HyperBEAM node: the monitor reads what its processes publish, and asks only those for which that is not enough. */
import { afterEach, expect, test } from "vitest";
import { isOpen } from "../../src/monitor/alert-book.ts";
import { readProcess } from "../../src/operations/view/processes.ts";
import type { Script } from "../simnet/index.ts";
import { type Watching, watching } from "./simulated.ts";

let fleet: Watching;
afterEach(() => fleet.close());

/** Counts the dry runs of each round, and breaks reads of published state on request. */
function counted() {
  const seen = { dryruns: 0, isBroken: false };
  fleet.net.faults.add({
    on: "cu.dryrun",
    match: () => {
      seen.dryruns += 1;
      return false;
    },
    fault: { kind: "status", status: 500 },
  });
  fleet.net.faults.add({
    on: "cu.state",
    match: () => seen.isBroken,
    fault: { kind: "status", status: 500 },
  });
  return seen;
}

async function round(seen: { dryruns: number }) {
  seen.dryruns = 0;
  const { report } = await fleet.round();
  return { dryruns: seen.dryruns, processes: report.processes };
}

test("healthy processes are not asked, and are shown as they published themselves", async () => {
  fleet = await watching(["shop", "bank"], "", {}, "mainnet");
  const seen = counted();
  for (let n = 0; n < 2; n += 1) {
    const { dryruns, processes } = await round(seen);
    expect(dryruns).toBe(0);
    for (const each of processes)
      expect(each).toMatchObject({
        ...{ state: "HEALTHY", outcome: "answered", version: "1.0.0", release: "r1", epoch: 1 },
        // A read that asks nobody measures no answer.
        ...{ responseMs: null, publishedAt: expect.stringMatching(/^20/), slot: 1, drift: [] },
      });
  }
});

test("without published state, and on legacy units, every process is asked", async () => {
  fleet = await watching(["shop"], "", {}, "mainnet");
  const seen = counted();
  seen.isBroken = true;
  const asked = await round(seen);
  expect(asked.dryruns).toBe(2);
  expect(asked.processes).toMatchObject([
    { state: "HEALTHY", publishedAt: null, responseMs: expect.any(Number) },
  ]);
  await fleet.close();
  fleet = await watching(["shop"]);
  const legacy = await round(counted());
  expect(legacy).toMatchObject({ dryruns: 2, processes: [{ state: "HEALTHY", publishedAt: null }] });
});

const SCRIPTS: readonly (readonly [string, Script, string, string])[] = [
  [
    "that judges itself UNHEALTHY",
    { health: "UNHEALTHY", reason: "no stock" },
    "UNHEALTHY",
    "PROCESS_UNHEALTHY",
  ],
  ["with other code", { sourceHash: "f".repeat(64) }, "HEALTHY", "PROCESS_DRIFT"],
];
test.each(SCRIPTS)("a process %s is asked before anything is said of it", async (_, script, state, alert) => {
  fleet = await watching(["shop", "bank"], "", {}, "mainnet");
  const seen = counted();
  await fleet.load("shop", script);
  const { dryruns, processes } = await round(seen);
  expect(dryruns).toBe(2);
  expect(processes.map((each) => [each.name, each.state, each.publishedAt === null])).toEqual([
    ["shop", state, true],
    ["bank", "HEALTHY", false],
  ]);
  expect(
    fleet.store
      .book()
      .alerts.filter(isOpen)
      .map(({ type }) => type),
  ).toContain(alert);
});

test("a judgement that messages came after counts for a short time only", async () => {
  fleet = await watching(["shop"], "", {}, "mainnet");
  const seen = counted();
  await fleet.send("shop", "BUY");
  expect(await round(seen)).toMatchObject({
    dryruns: 0,
    processes: [{ slot: 2, publishedAt: expect.any(String) }],
  });
  await fleet.rounds(4);
  expect(await round(seen)).toMatchObject({
    dryruns: 2,
    processes: [{ state: "HEALTHY", publishedAt: null }],
  });
});

test("the dashboard shows a healthy process as published, and asks any other", async () => {
  fleet = await watching(["shop"], "", {}, "mainnet");
  const seen = counted();
  const [shop] = fleet.fleet.members;
  if (!shop) throw new Error("no member");
  const more = { dependsOn: [], explorer: null, node: null };
  expect((await readProcess(fleet.fleet, shop, more)).view).toMatchObject({
    ...{ health: "HEALTHY", version: "1.0.0", release: "r1", reasons: [] },
    published: { slot: 1, newest: 1 },
  });
  expect(seen.dryruns).toBe(0);
  await fleet.load("shop", { health: "DEGRADED", reason: "slow" });
  const { view } = await readProcess(fleet.fleet, shop, more);
  expect(view).toMatchObject({ health: "DEGRADED", reasons: [expect.stringContaining("slow")] });
  expect([view.published, seen.dryruns]).toEqual([undefined, 2]);
});
