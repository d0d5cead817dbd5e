/** Rollouts on the embedded network: the fleet's own coordinator, real aos, and clients who send throughout. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { targetOf } from "../providers/fixture.ts";
import { Embedded, whileCalling } from "./embedded.ts";

let stage: Embedded;
let player: Player;
/** With the stack's wallet. */
let owner: Player;
let coordinator: ProcessOutputs;
let blue: ProcessOutputs;
let green: ProcessOutputs;
let bad: ProcessOutputs;
let mirrored: ProcessOutputs;
let held: TrafficOutputs;
/** Every request that was sent, and its answer. */
const sent: { id: string; by: string }[] = [];

/** Counts requests by id; a broken one fails without counting. */
const program = (name: string, fails: boolean) => `
local fleet = require("fleet")
fleet.process { name = "${name}", processType = "BATTLE", version = "1.0.0", capabilities = { "FIGHTING" } }
local S = fleet.state("seen", { ids = {} })
fleet.on("FIGHT", { schema = { id = { type = "string", required = true } } }, function(data)
  ${fails ? 'error("the new code is broken")' : ""}
  S.ids[#S.ids + 1] = data.id
  return { by = "${name}" }
end)
fleet.on("SEEN", { readonly = true }, function() return { ids = S.ids } end)
`;

const inputs = (release: string, from: ProcessOutputs, to: ProcessOutputs, strategy: object = {}) =>
  stage.traffic(coordinator, release, { key: "data:id", state: "none" }, [from, to], {
    steps: [{ weightBp: 3000 }, { weightBp: 10_000 }],
    intervalSeconds: 4,
    checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 5 }],
    probes: 5,
    ...strategy,
  });

/** Sends one request after the other, in three lanes, until the work is over; every request must be answered. */
const whileSending = <T>(work: Promise<T>): Promise<T> =>
  whileCalling(work, async (caller, n) => {
    const id = `${caller}-${sent.length}-${n}`;
    const entry = { id, by: "" };
    sent.push(entry);
    const answer = await player.route(coordinator.processId, "battle", "FIGHT", { id });
    entry.by = answer.success ? String(answer.by) : String(answer.error?.code);
  });

beforeAll(async () => {
  stage = await Embedded.open();
  [coordinator, blue, green, bad, mirrored] = await Promise.all([
    stage.make("coordinator"),
    stage.make("battle-blue", program("battle-blue", false)),
    stage.make("battle-green", program("battle-green", false)),
    stage.make("battle-bad", program("battle-bad", true)),
    stage.make("battle-mirrored", program("battle-mirrored", true)),
  ]);
  await wiring.create({
    ...stage.common(),
    target: targetOf(coordinator),
    peers: { battle: blue.processId },
  });
  player = await newPlayer(stage.network);
  owner = await newPlayer(stage.network, stage.jwk);
}, 120_000);

afterAll(() => stage.close());

test("a canary moves all callers to the new revision while they send requests", async () => {
  const { outs } = await whileSending(inputs("r1", blue, green).then(traffic.create));
  held = outs;
  expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: green.processId }, drift: [] });
  expect(outs.verdict).toMatch(/^pass: /);
  expect(outs.table).toMatchObject({ release: "r1", mode: "steady" });
  expect(outs.slot).toBeGreaterThan(0);
  expect(new Set(sent.map(({ by }) => by))).toEqual(new Set(["battle-blue", "battle-green"]));
  expect((await player.route(coordinator.processId, "battle", "FIGHT", { id: "after" })).by).toBe(
    "battle-green",
  );
  sent.push({ id: "after", by: "battle-green" });
  // No change remains, and nobody changed it.
  const { props } = await traffic.read("id", outs);
  expect(props.drift).toEqual([]);
  expect(await traffic.diff("id", outs, await inputs("r1", blue, green))).toMatchObject({ changes: false });
  expect(await traffic.diff("id", outs, await inputs("r2", blue, green))).toMatchObject({ changes: false });
}, 120_000);

test("a faulty revision is rolled back while callers send requests, and only its share of them reached it", async () => {
  const before = sent.length;
  const news = await inputs("r2", green, bad);
  expect(await traffic.diff("id", held, news)).toMatchObject({ changes: true });
  const failure = await whileSending(
    traffic.update("id", held, news).then(
      () => Promise.reject(new Error("it came through")),
      (error: Error & { properties: TrafficOutputs }) => error,
    ),
  );
  expect(failure.message).toMatch(/was rolled back: all traffic is where it was\. \[ROLLED_BACK\]/);
  expect(failure.properties).toMatchObject({ phase: "ROLLED_BACK", active: { battle: green.processId } });
  const seen = sent.slice(before);
  const exposed = seen.filter(({ by }) => by === "INTERNAL").length;
  expect(exposed).toBeGreaterThan(0);
  expect(new Set(seen.map(({ by }) => by))).toEqual(new Set(["battle-green", "INTERNAL"]));
}, 120_000);

test("a faulty revision is detected by copies of callers' requests, and no caller gets its answers", async () => {
  const before = sent.length;
  const steps = [{ weightBp: 0, mirror: true }, { weightBp: 3000 }, { weightBp: 10_000 }];
  // One that nobody has called yet: a revision of a failed rollout may count itself UNHEALTHY, and then gets no traffic at all.
  const news = await inputs("r3", green, mirrored, { steps });
  const failure = await whileSending(
    traffic.update("id", held, news).then(
      () => Promise.reject(new Error("it came through")),
      (error: Error & { properties: TrafficOutputs }) => error,
    ),
  );
  expect(failure.message).toMatch(/\[ROLLED_BACK\]/);
  expect(failure.properties.verdict).toMatch(/^fail: .*errorRate of battle fails: green [1-9]\d* faults/);
  expect(new Set(sent.slice(before).map(({ by }) => by))).toEqual(new Set(["battle-green"]));
}, 120_000);

test("a revision that violates an invariant is rolled back, and the verdict has both values", async () => {
  const broken = { kind: "invariant", name: "seen", service: "battle", action: "SEEN", path: "ids" };
  const steps = [{ weightBp: 0 }, { weightBp: 10_000 }];
  const news = await inputs("r4", green, blue, { steps, intervalSeconds: 1, checks: [broken] });
  const error = await traffic.update("id", held, news).then(
    () => undefined,
    (reason: Error & { properties: TrafficOutputs }) => reason,
  );
  expect(error?.message).toMatch(/\[ROLLED_BACK\]/);
  expect(error?.properties.verdict).toMatch(
    /invariant seen fails: ids of battle was \[.* and is \[.*; allowed: the same/,
  );
}, 120_000);

test("every answered request was handled exactly once", async () => {
  const ids = await Promise.all(
    [blue, green].map(async ({ processId }) => (await player.ask(processId, "SEEN", {})).ids as string[]),
  );
  const all = ids.flat();
  expect(new Set(all).size).toBe(all.length);
  const answered = sent.filter(({ by }) => by.startsWith("battle-")).map(({ id }) => id);
  expect([...all].sort()).toEqual(answered.sort());
  console.log(
    `${sent.length} requests: ${ids[0]?.length} to blue, ${ids[1]?.length} to green, ${sent.length - all.length} failed in the broken one`,
  );
}, 60_000);

test("a plan shows the traffic of the stack's state after an abort by hand, until a refresh reads the router", async () => {
  const steps = [{ weightBp: 3000, gate: "manual" }, { weightBp: 10_000 }];
  const news = await inputs("r5", green, blue, { steps, intervalSeconds: 1, checks: [{ kind: "health" }] });
  const left = await traffic.update("id", held, news).then(
    () => Promise.reject(new Error("it did not stop at the gate")),
    (reason: Error & { properties: TrafficOutputs }) => reason.properties,
  );
  expect(left).toMatchObject({ phase: "HELD", step: 1, active: { battle: green.processId } });
  expect((await traffic.read("id", left)).props).toEqual(left);
  const aborted = await owner.ask(coordinator.processId, "TRAFFIC_COMMAND", { command: "abort" });
  expect(aborted).toMatchObject({ success: true, release: "r5" });
  const lines = vi.spyOn(console, "log").mockImplementation(() => {});
  const planned = async (olds: TrafficOutputs) => {
    lines.mockClear();
    expect(await traffic.diff("id", olds, news)).toMatchObject({ changes: true });
    return lines.mock.calls.map(([line]) => String(line));
  };
  try {
    const [to, from] = [blue, green].map(({ processId }) => processId.slice(0, 8));
    expect(await planned(left)).toEqual([
      "traffic: the last rollout ended HELD, according to the state: pulumi refresh asks the router",
      `traffic: battle 30 % ${to} + 70 % ${from}, according to the state, becomes battle 100 % ${to}`,
    ]);
    const { props } = await traffic.read("id", left);
    expect(props).toMatchObject({ phase: "ROLLED_BACK", active: { battle: green.processId }, drift: [] });
    expect(props.table).toMatchObject({ release: "r1", mode: "steady" });
    expect(await planned(props)).toEqual([
      "traffic: the last rollout ended ROLLED_BACK",
      `traffic: battle 100 % ${from} becomes battle 100 % ${to}`,
    ]);
    expect((await traffic.read("id", props)).props).toEqual(props);
  } finally {
    lines.mockRestore();
  }
}, 120_000);

test("a refresh detects a table that was changed by hand, and a deletion returns callers to the wired process", async () => {
  const { props } = await traffic.read("id", { ...held, table: held.table && { ...held.table, step: 1 } });
  expect(props.drift).toEqual([expect.stringMatching(/^battle 100 % \S+ \(release r1, step 3\) instead of/)]);
  const [is, was] = [3, 1].map((step) => ({ release: "r1", step, services: held.table?.services }));
  expect(props.driftFacts).toEqual([{ code: "OTHER_TABLE", is, was }]);
  await traffic.remove("id", held);
  expect((await player.route(coordinator.processId, "battle", "FIGHT", { id: "wired" })).by).toBe(
    "battle-blue",
  );
}, 60_000);
