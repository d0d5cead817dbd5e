import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { askLedger, fleetProject, networkOf, processOf } from "../rollback/fleet.ts";
import { newPlayer, type Player } from "./player.ts";
import type { Project } from "./project.ts";
import { type WatchedFleet, watchFleet } from "./watched.ts";

/** The number of rounds within which a fault, and its end, must be reported. */
const SOON = 2;

let project: Project;
let fleet: WatchedFleet;
let stranger: Player;

/** A fault as every observer reports it. */
interface Sight {
  readonly type: string;
  readonly level: string;
  readonly message: RegExp;
  /** The start of a line of the metrics endpoint, and its value while the fault lasts. */
  readonly metric: readonly [string, number];
}

/** The number of rounds until the condition is true. */
async function roundsUntil(isSo: () => boolean): Promise<number> {
  for (let n = 1; n <= SOON; n += 1) {
    await fleet.round();
    if (isSo()) return n;
  }
  throw new Error(`after ${SOON} rounds: ${fleet.open().join(", ") || "no alert is open"}`);
}

const row = (type: string, source: string) =>
  fleet.page.locator("tbody tr", { hasText: type }).filter({ hasText: source }).first();

async function isSeen(source: string, { type, level, message, metric: [line, value] }: Sight): Promise<void> {
  await roundsUntil(() => fleet.open().includes(`${type} ${source}`));
  expect(fleet.open()).toEqual([`${type} ${source}`]);
  expect(fleet.alert(type, source)).toMatchObject({ level, message: expect.stringMatching(message) });
  expect(await fleet.metric(line)).toBe(value);
  expect(await fleet.metric(`aofleet_alerts{type="${type}",level="${level}",state="OPEN"`)).toBe(1);
  await row(type, source).filter({ hasText: message }).filter({ hasText: "OPEN" }).waitFor();
}

async function isOver(source: string, { type, level }: Sight): Promise<void> {
  await roundsUntil(() => fleet.open().length === 0);
  expect(fleet.alert(type, source)?.state).toBe("RESOLVED");
  expect((await fleet.metric(`aofleet_alerts{type="${type}",level="${level}",state="OPEN"`)) ?? 0).toBe(0);
  await row(type, source).filter({ hasText: "RESOLVED" }).waitFor();
}

/** Deploys a fleet and watches it; everything is removed afterwards. */
function watched(): void {
  beforeAll(async () => {
    project = await fleetProject("watched");
    project.edit(
      "processes/reader/process.lua",
      'fleet.on("GREET"',
      'fleet.on("BREAK", { who = "anyone" }, function() error("a broken shelf") end)\nfleet.on("GREET"',
    );
    const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
    if (ran.code !== 0) throw new Error(ran.text);
    fleet = await watchFleet(project, "limits: { timeoutMs: 3000 }\nalerts: { ledger: true }");
    stranger = await newPlayer(await networkOf(project));
  }, 300_000);
  afterAll(async () => {
    await fleet?.close();
    await project?.close();
  });
}

/** Uses its own fleet: the monitor's clock runs ahead of the network's, and processes remember their errors. */
export function tellQuiet(): void {
  watched();

  it("an hour of a working fleet raises nothing", async () => {
    for (let n = 0; n < 3600 / 30; n += 1) {
      if (n % 10 === 0) {
        await fleet.send("reader", "GREET");
        await fleet.send("counter", "ADD", { by: 1 });
      }
      const { report, changes } = await fleet.round();
      expect(changes).toEqual([]);
      expect(report).toMatchObject({ success: true, notes: [] });
    }
    expect(fleet.open()).toEqual([]);
  });
}

/** Faults of one real fleet, one after the other. `all`: every one. */
export function tellAlerts(all: boolean): void {
  watched();

  it("a healthy fleet: no alert, every process up, an empty page of alerts", async () => {
    const { report, changes } = await fleet.round();
    expect(changes).toEqual([]);
    expect(report).toMatchObject({ success: true, fleet: { state: "HEALTHY", passed: true } });
    expect(await fleet.metric('aofleet_process_up{process="reader"')).toBe(1);
    expect(await fleet.metric("aofleet_alerts{")).toBeUndefined();
    await fleet.page.locator("#count", { hasText: "3 of 3 processes are healthy" }).waitFor();
    expect(await fleet.page.textContent("main p")).toBe("None.");
  });

  it("a stranger's attack: who, what and how often", async () => {
    for (let n = 0; n < 6; n += 1) {
      const answer = await stranger.ask(processOf(project, "reader"), "RETIRE", { nonce: randomUUID() });
      expect(answer.error?.code).toBe("FORBIDDEN");
    }
    const attack: Sight = {
      type: "SECURITY_ALERT",
      level: "CRITICAL",
      message: /it refused 6 messages since the last round: .*FORBIDDEN.*RETIRE by /,
      metric: ['aofleet_process_refused_total{process="reader"', 6],
    };
    await isSeen("reader", attack);
    expect(fleet.alert("SECURITY_ALERT", "reader")?.message).toContain(stranger.address.slice(0, 8));
    await isOver("reader", attack);
  });

  if (!all) return;

  it("a slow process", async () => {
    const heal = fleet.slows(fleet.idOf("counter"), 6200);
    const slow: Sight = {
      type: "PROCESS_DEGRADED",
      level: "WARNING",
      message: /it answered in \d+ ms, expected at most 5000 ms/,
      metric: ['aofleet_process_state{process="counter",state="DEGRADED"', 1],
    };
    await isSeen("counter", slow);
    heal();
    await isOver("counter", slow);
  });

  it("an erring process", async () => {
    for (let n = 0; n < 3; n += 1) await fleet.send("reader", "BREAK");
    const errs: Sight = {
      type: "PROCESS_ERROR",
      level: "ERROR",
      message: /3 of 3 requests since the last round ended in an error, expected at most 5 %/,
      metric: ['aofleet_alerts{type="PROCESS_ERROR"', 1],
    };
    await isSeen("reader", errs);
    await isOver("reader", errs);
  });

  it("a stuck process: messages arrive and none is evaluated", async () => {
    const id = fleet.idOf("reader");
    const heal = fleet.breaks({
      on: "cu.result",
      match: ({ processId }) => processId === id,
      fault: { kind: "status", status: 500, body: '{"error":"still evaluating"}' },
    });
    await fleet.send("reader", "GREET");
    const stuck: Sight = {
      type: "PROCESS_STUCK",
      level: "ERROR",
      message: /slot \d+ has not been evaluated for 30 s; the newest is slot \d+/,
      metric: ['aofleet_process_pending_slots{process="reader"', 1],
    };
    await isSeen("reader", stuck);
    heal();
    await isOver("reader", stuck);
  });

  it("a drifting process: somebody loaded other code by hand, until pulumi up repairs it", async () => {
    await fleet.loadByHand("reader", (source) => source.replaceAll("hello", "good bye"));
    const drift: Sight = {
      type: "PROCESS_DRIFT",
      level: "ERROR",
      message: /it runs code [0-9a-f]{8} instead of [0-9a-f]{8}/,
      metric: ['aofleet_process_drift{process="reader"', 1],
    };
    await isSeen("reader", drift);
    await fleet.page.goto(`${new URL(fleet.page.url()).origin}/#/fleet`);
    await fleet.page
      .locator("tbody tr", { hasText: "reader" })
      .filter({ hasText: /it runs code [0-9a-f]{8} instead of/ })
      .waitFor();
    await fleet.page.goto(`${new URL(fleet.page.url()).origin}/#/alerts`);
    const ran = await project.pulumi(["up", "--yes", "--skip-preview", "--refresh"]);
    expect(ran.code).toBe(0);
    await isOver("reader", drift);
  });

  /** What a unit that works returns for a process that answers nothing; a unit that fails says nothing of the process. */
  const NO_ANSWER = JSON.stringify({ Messages: [], Assignments: [], Spawns: [], Output: "", GasUsed: 0 });
  it("a silent process: a failed check at once, OFFLINE after three", async () => {
    const id = fleet.idOf("reader");
    const heal = fleet.breaks({
      on: "cu.dryrun",
      match: ({ processId }) => processId === id,
      fault: { kind: "status", status: 200, body: NO_ANSWER },
    });
    await fleet.round();
    expect(fleet.open()).toEqual(["HEALTH_CHECK_FAILURE_RATE_HIGH fleet"]);
    await fleet.round();
    await fleet.round();
    expect(fleet.open()).toEqual(["HEALTH_CHECK_FAILURE_RATE_HIGH fleet", "PROCESS_OFFLINE reader"]);
    expect(await fleet.metric('aofleet_process_up{process="reader"')).toBe(0);
    await row("PROCESS_OFFLINE", "reader").filter({ hasText: "OPEN" }).waitFor();
    await fleet.page.locator("#count", { hasText: "2 of 3 processes are healthy" }).waitFor();
    heal();
    await roundsUntil(() => fleet.open().length === 0);
    await row("PROCESS_OFFLINE", "reader").filter({ hasText: "RESOLVED" }).waitFor();
    await fleet.page.locator("#count", { hasText: "3 of 3 processes are healthy" }).waitFor();
  });

  it("the ledger received every alert, and its end", async () => {
    await fleet.round();
    const { alerts } = await askLedger<{ alerts: Record<string, string>[] }>(project, "ALERT_MANAGEMENT", {});
    const inLedger = alerts.map(({ type, source, state }) => `${type} ${source} ${state}`);
    expect(inLedger).toContain("SECURITY_ALERT reader RESOLVED");
    expect(inLedger).toContain("PROCESS_DRIFT reader RESOLVED");
    expect(inLedger).toContain("PROCESS_OFFLINE reader RESOLVED");
    expect(inLedger.filter((each) => !each.endsWith("RESOLVED"))).toEqual([]);
    expect(await project.idle()).toBe("");
  });
}
