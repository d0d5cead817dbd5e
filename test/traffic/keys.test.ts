/** State that is kept by its callers' keys moves with them, step by step, and returns with later changes. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { luaList } from "../../src/fleet/protocol/lua.ts";
import { commandTraffic } from "../../src/fleet/protocol/traffic.ts";
import { ExportedSchema } from "../../src/fleet/snapshot/contents.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { targetOf } from "../providers/fixture.ts";
import { Embedded, whileCalling } from "./embedded.ts";

let stage: Embedded;
let player: Player;
let coordinator: ProcessOutputs;
let [blue, green, bad] = [] as unknown as [ProcessOutputs, ProcessOutputs, ProcessOutputs];
/** The expected content of each caller's purse. */
const sums = new Map<string, number>();
const seen: { by: string; key: string; sum: number }[] = [];

/** A purse for each player. A broken one fails for some of them. It counts imports of keys whose requests it accepts. */
const program = (name: string, fails: boolean) => `
local fleet = require("fleet")
fleet.process { name = "${name}", processType = "BATTLE", version = "1.0.0", capabilities = { "PURSES" } }
local purses = fleet.state("purses", {}, { partition = true })
local faults = 0
fleet.on("EARN", { schema = { player = { type = "string", required = true } } }, function(data)
  purses[data.player] = (purses[data.player] or 0) + 1
  ${fails ? 'if #data.player % 2 == 0 then faults = faults + 1 error("the new code is broken") end' : ""}
  return { by = "${name}", sum = purses[data.player] }
end)
fleet.on("PURSES", { readonly = true }, function() return { purses = purses } end)
fleet.on("FAULTS", { readonly = true }, function() return { count = faults } end)
local store, actions, open = require("fleet.store"), Fleet.staged.actions, 0
local import = actions.IMPORT_KEYS.handler
actions.IMPORT_KEYS.handler = function(range, ...)
  local isSealed = false
  for _, sealed in ipairs(store.partition.ranges) do
    isSealed = isSealed or sealed.from < range.to and sealed.to > range.from
  end
  if not isSealed then open = open + 1 end
  return import(range, ...)
end
fleet.on("OPEN_IMPORTS", { readonly = true }, function() return { count = open } end)
`;

const inputs = (release: string, from: ProcessOutputs, to: ProcessOutputs, changes: object = {}) =>
  stage.traffic(coordinator, release, { key: "data:player", state: "partitioned" }, [from, to], {
    steps: [{ weightBp: 3000 }, { weightBp: 7000 }, { weightBp: 10_000 }],
    intervalSeconds: 1,
    checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 5 }],
    // Each earner is awaited, however slow the machine is.
    maxInconclusive: 60,
    ...changes,
  });

/** A hand-over takes seconds; a key that is refused for longer than this was forgotten. */
const DRAINS_MS = 30_000;

async function earn(key: string): Promise<void> {
  for (const began = Date.now(); ; ) {
    const answer = await player.route(coordinator.processId, "battle", "EARN", { player: key });
    if (answer.error?.code === "DRAINING") {
      if (Date.now() - began > DRAINS_MS) throw new Error(`${key} is still told DRAINING`);
      continue;
    }
    if (answer.error?.code === "INTERNAL") {
      seen.push({ by: "fault", key, sum: 0 });
      return;
    }
    const wanted = (sums.get(key) ?? 0) + 1;
    sums.set(key, wanted);
    seen.push({ by: String(answer.by), key, sum: Number(answer.sum) });
    expect({ key, by: answer.by, sum: answer.sum }).toEqual({ key, by: answer.by, sum: wanted });
    return;
  }
}

/** Callers with their own keys earn until the work is over. */
const whileEarning = <T>(work: Promise<T>): Promise<T> =>
  whileCalling(work, (caller, n) => earn(`${caller}${"x".repeat(n % 12)}`));

const pursesOf = async ({ processId }: ProcessOutputs) =>
  (await player.ask(processId, "PURSES", {})).purses as Record<string, number>;

beforeAll(async () => {
  stage = await Embedded.open();
  [coordinator, blue, green, bad] = await Promise.all([
    stage.make("coordinator"),
    stage.make("purse-blue", program("purse-blue", false)),
    stage.make("purse-green", program("purse-green", false)),
    stage.make("purse-bad", program("purse-bad", true)),
  ]);
  for (const each of [blue, green, bad])
    await wiring.create({
      ...stage.common(),
      target: targetOf(each),
      peers: { coordinator: coordinator.processId },
    });
  await wiring.create({
    ...stage.common(),
    target: targetOf(coordinator),
    peers: { battle: blue.processId },
  });
  player = await newPlayer(stage.network);
}, 120_000);

afterAll(() => stage.close());

test("each caller's purse moves with the caller, step by step, while requests arrive", async () => {
  for (const key of ["a", "b", "cx"]) await earn(key);
  const { outs } = await whileEarning(inputs("r1", blue, green).then(traffic.create));
  expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: green.processId } });
  expect(new Set(seen.map(({ by }) => by))).toEqual(new Set(["purse-blue", "purse-green"]));
  await earn("a");
  expect(await pursesOf(green)).toEqual(Object.fromEntries(sums));
  // Nobody can change the copy that stayed behind, not even directly.
  expect((await player.ask(blue.processId, "EARN", { player: "a" })).error?.code).toBe("DRAINING");
}, 120_000);

test("each purse is handed back with what was earned since when the new revision fails", async () => {
  const from = seen.length;
  const openImports = async () => (await player.ask(green.processId, "OPEN_IMPORTS", {})).count;
  const before = await openImports();
  // One wallet's faults alone would hold it: its requests cannot be asked of a revision that no longer has the keys.
  const none = { kind: "probe", name: "faults", service: "battle", action: "FAULTS", expect: { count: 0 } };
  const checks = [{ kind: "health" }, { kind: "errorRate", minSamples: 5 }, none];
  const work = inputs("r2", green, bad, { checks }).then((news) => traffic.create(news));
  const error = await whileEarning(
    work.then(
      () => undefined,
      (reason: Error) => reason,
    ),
  );
  expect(error?.message).toContain("[ROLLED_BACK]");
  const meanwhile = seen.slice(from);
  expect(meanwhile.some(({ by }) => by === "purse-bad")).toBe(true);
  expect(meanwhile.some(({ by }) => by === "fault")).toBe(true);
  // Until the last copy, it accepts no request of a caller whom the other revision serves.
  expect(await openImports()).toBe(before);
  for (const key of sums.keys()) await earn(key);
  expect(seen.slice(-sums.size).every(({ by }) => by === "purse-green")).toBe(true);
  expect(await pursesOf(green)).toEqual(Object.fromEntries(sums));
}, 120_000);

test("an abort at the first step returns the keys that had moved, and leaves all others where they are", async () => {
  const aborted = await stage.make("purse-aborted", program("purse-aborted", false));
  const { scope, network } = stage.common();
  const abort = async () => {
    for (;;) {
      const { table } = await player.ask(coordinator.processId, "GET_TRAFFIC", {});
      if ((table as Table).mode === "rollout") break;
    }
    const session = await sessionFor(scope, network);
    const router = { name: "abort-by-hand", generation: 1, processId: coordinator.processId };
    await commandTraffic(session, router, { command: "abort" }, session.budget(30));
  };
  const running = inputs("r2-aborted", green, aborted)
    .then((news) => traffic.create(news))
    .then(
      () => undefined,
      (reason: Error) => reason.message,
    );
  const [error] = await Promise.all([running, abort()]);
  expect(error).toContain("[ROLLOUT_ABORTED]");
  expect(await pursesOf(green)).toEqual(Object.fromEntries(sums));
  for (const key of sums.keys()) await earn(key);
  expect(seen.slice(-sums.size).every(({ by }) => by === "purse-green")).toBe(true);
}, 120_000);

test("a rollout on hold serves every key, and another release takes the state along", async () => {
  const third = await stage.make("purse-third", program("purse-third", false));
  const fourth = await stage.make("purse-fourth", program("purse-fourth", false));
  for (const each of [third, fourth])
    await wiring.create({
      ...stage.common(),
      target: targetOf(each),
      peers: { coordinator: coordinator.processId },
    });
  const from = seen.length;
  const gated = { steps: [{ weightBp: 5000, gate: "manual" }, { weightBp: 10_000 }] };
  const error = await whileEarning(
    inputs("r3", green, third, gated)
      .then((news) => traffic.create(news))
      .then(
        () => undefined,
        (reason: Error) => reason,
      ),
  );
  expect(error?.message).toContain("[GATE]");
  for (const key of sums.keys()) await earn(key);
  expect(new Set(seen.slice(from).map(({ by }) => by))).toEqual(new Set(["purse-green", "purse-third"]));
  const { outs } = await whileEarning(inputs("r4", green, fourth).then(traffic.create));
  expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: fourth.processId } });
  expect(await pursesOf(fourth)).toEqual(Object.fromEntries(sums));
  green = fourth;
}, 120_000);

test("a program without state by key is refused before any caller's request is", async () => {
  const owner = await stage.make(
    "purse-whole",
    program("purse-whole", false).replace(", { partition = true }", ""),
  );
  const error = await inputs("r5", green, owner)
    .then((news) => traffic.create(news))
    .then(
      () => undefined,
      (reason: Error) => reason,
    );
  expect(error?.message).toContain("HANDOVER_FAILED");
  expect(error?.message).toMatch(/not partitioned here/);
  await earn("a");
}, 120_000);

test("a run that died while it took keys back costs no caller anything, also if the old revision has an earlier copy", async () => {
  const fifth = await stage.make("purse-fifth", program("purse-fifth", false));
  await wiring.create({
    ...stage.common(),
    target: targetOf(fifth),
    peers: { coordinator: coordinator.processId },
  });
  const gated = { steps: [{ weightBp: 5000, gate: "manual" }, { weightBp: 10_000 }] };
  const held = async () => {
    const news = await inputs("r6", green, fifth, gated);
    return traffic.create(news).then(
      () => undefined,
      (reason: Error) => reason.message,
    );
  };
  expect(await whileEarning(held())).toContain("[GATE]");
  await endRun();
  const { scope, network } = stage.common();
  const session = await sessionFor(scope, network);
  const epoch = await session.deployment.epoch();
  const isRead = (action: string) => /^(GET|EXPORT)_/.test(action);
  const control = <T>(
    { name, processId }: ProcessOutputs,
    action: string,
    data: object,
    schema: z.ZodType<T>,
  ) =>
    ask(
      session,
      {
        name: `by-hand-${name}`,
        generation: 1,
        processId,
        action,
        data,
        ...(isRead(action) ? {} : { epoch }),
      },
      schema,
      session.budget(30),
    );
  const Sealed = z.looseObject({ sealed: luaList(z.object({ from: z.number(), to: z.number() })) });
  const { salt } = (await player.ask(coordinator.processId, "GET_TRAFFIC", {})).table as Table;
  const { sealed } = await control(green, "GET_KEYS", { salt, from: 0, to: 10_000 }, Sealed);
  const ranges = sealed.map((range) => ({ salt, ...range }));
  expect(ranges).toHaveLength(1);
  for (const range of ranges) {
    const { state, digest } = await control(fifth, "EXPORT_KEYS", range, ExportedSchema);
    await control(green, "IMPORT_KEYS", { ...range, state, digest }, z.looseObject({}));
  }
  for (const key of sums.keys()) await earn(key);
  for (const range of ranges) await control(fifth, "SEAL_KEYS", range, Sealed);
  await endRun();
  const lines = vi.spyOn(console, "log");
  expect(await held()).toContain("[GATE]");
  const printed = lines.mock.calls.flat().join("\n");
  lines.mockRestore();
  const from = seen.length;
  for (const key of sums.keys()) await earn(key);
  expect(new Set(seen.slice(from).map(({ by }) => by))).toContain("purse-fifth");
  expect((await player.ask(green.processId, "EARN", { player: "a" })).error?.code).toBe("DRAINING");
  expect(printed).toContain(`repaired ${green.processId.slice(0, 8)} accepted requests of 50 % of callers`);
  expect(printed).not.toContain("state lost");
}, 120_000);
