import { expect, test } from "vitest";
import { PublishedTrafficSchema } from "../../src/delivery/wire.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import {
  type Aos,
  address,
  type BootOptions,
  boot,
  DEVICES,
  type OutMessage,
  OWNER,
  type SendResult,
} from "./aos.ts";
import { program } from "./compose.ts";
import { isPatch } from "./device.ts";
import { COUNTER, FOREIGN } from "./programs.ts";
import { World } from "./world.ts";

/** What a process publishes on a HyperBEAM node, in patches of its outbox. */

const USER = address("user");
/** Processes on HyperBEAM have this variant. */
const NODE = { Variant: "ao.N.1" };
const IMAGES: readonly (readonly [string, BootOptions])[] = [
  ...["aos2_0_1.wasm", "aos2_0_3.wasm", "aos2_0_6.wasm"].map((image) => [image, { image }] as const),
  ["lua@5.3a", { lua: true }],
];
const MINUTE = 60_000;

interface Published {
  readonly [part: string]: unknown;
  readonly state?: string;
  readonly traffic?: string;
}

/** What a message publishes under the library's key, patch by patch. */
const published = ({ patches }: SendResult): Published[] =>
  patches.flatMap(({ Tags }) =>
    Tags.filter(({ name }) => name === "fleet").map(({ value }) => value as never),
  );
/** What a message sends to others. */
const sent = ({ messages }: SendResult): OutMessage[] => messages.filter((each) => !isPatch(each));
/** The state in the only patch of an outbox. */
function state(result: SendResult): Record<string, never> {
  const [one, ...more] = published(result);
  expect(more).toEqual([]);
  return JSON.parse(one?.state ?? "null");
}

async function bare(
  source: string,
  on: BootOptions = {},
): Promise<{ p: Aos; loaded: SendResult; settled: SendResult }> {
  const p = await boot("shown", { bare: true, tags: NODE, ...on });
  const loaded = await p.eval(await program("shown", { source, repeats: true }));
  expect(loaded.error).toBeUndefined();
  // The message that loads the library has no slot, so the next one publishes where it is.
  const settled = await p.send({ From: OWNER, Action: "Info" });
  expect(state(settled)).toMatchObject({ slot: p.slot, at: p.now });
  return { p, loaded, settled };
}
const config = (p: Aos, version: number) =>
  p.send({
    ...{ From: OWNER, Action: "UPDATE_CONFIG", Tags: { Epoch: "3" } },
    Data: { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 7 }, version },
  });

test.each(IMAGES)("a load publishes the process, and a message only what changed (%s)", async (_, on) => {
  const { p, loaded, settled } = await bare(COUNTER, on);
  expect(published(loaded)).toEqual([
    {
      ...{ release: "r1", version: "1.0.0", status: "ACTIVE", epoch: 1, health: "HEALTHY" },
      state: expect.any(String),
    },
  ]);
  expect(state(loaded)).toMatchObject({
    ...{ schema: 1, name: "counter", status: "ACTIVE", version: "1.0.0", release: "r1", epoch: 1 },
    ...{ capabilities: ["COUNTING"], configVersions: {}, peers: {}, changedByHand: [] },
    health: { healthStatus: "HEALTHY", failed: [] },
    stats: { errors: 0, refused: 0 },
  });
  expect(state(loaded).sourceHash).toBe(settled.reply?.data.sourceHash);
  // Nothing of this changes what is published.
  for (const Action of ["Info", "HEALTH_CHECK", "PING", "UNKNOWN"])
    expect([Action, published(await p.send({ From: USER, Action }))]).toEqual([Action, []]);
  expect(published(await p.eval("return 1 + 1"))).toEqual([]);
  const changed = await config(p, 1);
  expect(state(changed)).toMatchObject({
    ...{ configVersions: { PROCESS_CONFIG: 1 }, epoch: 3, slot: p.slot, at: p.now },
  });
  expect(published(await config(p, 1))).toEqual([]);
  expect(published(await p.send({ From: OWNER, Action: "RETIRE", Tags: { Epoch: "3" } }))).toMatchObject([
    { status: "RETIRED", health: "UNHEALTHY" },
  ]);
  await p.drop();
});

test("nothing is published on legacy units, and by dry runs", async () => {
  const legacy = await boot("shown", { bare: true });
  for (const result of [
    await legacy.eval(await program("shown", { source: COUNTER })),
    await config(legacy, 1),
    await legacy.send({ From: USER, Action: "PING", Timestamp: legacy.now + 2 * MINUTE }),
  ])
    expect([result.error, result.patches]).toEqual([undefined, []]);
  expect(await legacy.value("ao.result == Fleet.result")).toBe(false);
  await legacy.drop();
  const { p } = await bare(COUNTER);
  const dry = { From: USER, Action: "PING", Timestamp: p.now + 2 * MINUTE };
  expect(published(await (await p.clone()).send({ ...dry, readOnly: true }))).toEqual([]);
  expect(published(await p.send(dry))).toHaveLength(1);
  await p.drop();
});

test.each(DEVICES)(
  "health is judged again after a fault, and at most once a minute of messages (%s)",
  async (_, on) => {
    const { p } = await bare(COUNTER, on);
    const add = (data: object) => p.send({ From: USER, Action: "ADD", Data: data });
    // Its handler calls this peer before it fails.
    const peers = { friend: address("friend") };
    await p.send({ From: OWNER, Action: "WIRE_PEERS", Tags: { Epoch: "1" }, Data: { peers } });
    expect(published(await add({ by: 1 }))).toEqual([]);
    expect(state(await add({ by: 1, fail: "fault" }))).toMatchObject({ stats: { errors: 1 } });
    for (let n = 0; n < 12; n += 1) await add({ by: 100 });
    const before = p.slot;
    // Its own check fails since its tenth message.
    const late = await p.send({ From: USER, Action: "PING", Timestamp: p.now + MINUTE });
    expect(state(late)).toMatchObject({
      health: { healthStatus: "UNHEALTHY", failed: [{ name: "room", status: "UNHEALTHY" }] },
      slot: before + 1,
    });
    expect(late.reply?.data.success).toBe(true);
    expect(published(await p.send({ From: USER, Action: "PING" }))).toEqual([]);
    await p.drop();
  },
);

test.each(DEVICES)(
  "a message in a second slot publishes nothing, and neither does one that fails (%s)",
  async (_, on) => {
    const { p } = await bare(
      `${COUNTER}\nHandlers.add("fragile", "Fragile", function() error("boom") end)`,
      on,
    );
    const update = {
      ...{ From: OWNER, Action: "UPDATE_CONFIG", Id: address("config"), Tags: { Epoch: "1" } },
      Data: { configType: "PROCESS_CONFIG", configData: {}, version: 1 },
    };
    expect(published(await p.send(update))).toHaveLength(1);
    const again = await p.send({ ...update, Timestamp: p.now + 2 * MINUTE });
    expect([again.error, sent(again), again.patches]).toEqual([undefined, [], []]);
    const failed = await p.send({ From: USER, Action: "Fragile", Timestamp: p.now + 2 * MINUTE });
    expect([failed.error?.includes("boom"), sent(failed), failed.patches]).toEqual([true, [], []]);
    expect(published(await p.send({ From: USER, Action: "PING" }))).toHaveLength(1);
    await p.drop();
  },
);

test.each(DEVICES)(
  "checks that send, call, wait or fail change neither the message nor what is published (%s)",
  async (_, on) => {
    const source = `local fleet = require("fleet")
fleet.process { name = "odd", version = "1.0.0" }
fleet.on("MODE", {}, function(data) Mode = data.mode return {} end)
fleet.check("odd", "LIVENESS", function()
  if Mode == "send" then ao.send({ Target = "somebody", Data = "must not be sent" }) end
  if Mode == "call" then fleet.ask("${address("friend")}", "PING", {}, function() end) end
  if Mode == "wait" then Receive({ Action = "Never" }) end
  if Mode == "fail" then error("boom") end
  return true
end)`;
    const { p } = await bare(source, on);
    const handlers = await p.value("#Handlers.list");
    const health = {
      send: "HEALTHY",
      call: "HEALTHY",
      wait: "lua" in on ? "UNHEALTHY" : "",
      fail: "UNHEALTHY",
    };
    for (const [mode, expected] of Object.entries(health)) {
      const result = await p.send({
        ...{ From: USER, Action: "MODE", Data: { mode }, Timestamp: p.now + MINUTE },
      });
      expect([mode, result.error, result.reply?.data.success]).toEqual([mode, undefined, true]);
      expect(sent(result)).toHaveLength(1);
      expect([mode, published(result).map((each) => each.health)]).toEqual([mode, [expected]]);
      expect(await p.value("#Handlers.list")).toBe(handlers);
      expect(await p.value("Fleet.store.calls.count")).toBe(0);
    }
    await p.drop();
  },
);

test.each(DEVICES)(
  "only the library publishes under its key, whatever a program sends or forwards (%s)",
  async (_, on) => {
    const source = `${FOREIGN}
Handlers.add("forward", "Forward", function(msg) msg.forward("${address("target")}") end)
Handlers.add("own", "Own", function(msg)
  Send({ device = "patch@1.0", balances = { a = 1 }, fleet = { state = "forged" }, ["Fleet/state"] = "forged", ["/fleet/health"] = "forged" })
end)`;
    const { p } = await bare(source, on);
    const own = await p.send({ From: USER, Action: "Own" });
    expect(JSON.stringify(own.messages)).not.toContain("forged");
    expect(JSON.stringify(own.messages)).toContain('"balances"');
    const stranger = { Method: "PATCH", "fleet/state": "forged", Fleet: "forged", Other: "kept" };
    const forwarded = await p.send({ From: USER, Action: "Forward", Tags: stranger });
    expect(JSON.stringify(forwarded.messages)).not.toContain("forged");
    expect(JSON.stringify(forwarded.messages)).toContain("kept");
    await p.drop();
  },
);

test.each(DEVICES)(
  "a router publishes its table, and forwards no tag by which a node would take a message for a patch (%s)",
  async (_, on) => {
    const source = `local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve { open = { shop = true } }`;
    const { p, loaded } = await bare(source, on);
    expect(JSON.parse(published(loaded)[0]?.traffic ?? "")).toMatchObject({ serial: 0, epoch: 1 });
    const services = {
      shop: { key: "sender", routes: [{ processId: address("shop"), revision: "a", weightBp: 10000 }] },
    };
    const wired = await p.send({
      ...{
        From: OWNER,
        Action: "WIRE_PEERS",
        Tags: { Epoch: "1" },
        Data: { peers: { shop: address("shop") } },
      },
    });
    expect(state(wired)).toMatchObject({ peers: { shop: address("shop") } });
    const proof = '{ release = "r1", revision = "a", status = "proven", at = 1 }';
    await p.eval(`Fleet.store.states.traffic.proofs["${address("shop")}"] = ${proof} return "proven"`);
    const set = (data: object) =>
      p.send({
        ...{ From: OWNER, Action: "SET_TRAFFIC", Tags: { Epoch: "1" } },
        Data: { release: "r1", salt: "s", services, ...data },
      });
    const traffic = (result: SendResult) =>
      PublishedTrafficSchema.parse(JSON.parse(published(result)[0]?.traffic ?? "null"));
    expect(traffic(await set({ step: 0 }))).toMatchObject({ table: { mode: "steady", services }, serial: 1 });
    const lease = { forMs: 5000, revertTo: "r1" };
    const second = { step: 1, expect: { release: "r1", step: 0 }, lease };
    expect(traffic(await set(second))).toMatchObject({
      table: { step: 1, mode: "rollout" },
      lease: { revertTo: "r1" },
    });
    // Any message after the end of the lease, also one that nobody handles.
    const after = await p.send({ From: USER, Action: "Nothing", Timestamp: p.now + 10_000 });
    expect(traffic(after)).toMatchObject({ table: { step: 0, mode: "steady" }, reverted: { why: "lease" } });
    expect(published(await p.send({ From: USER, Action: "GET_TRAFFIC" }))).toEqual([]);
    const sent = await p.send({
      ...{ From: USER, Action: "Buy", Service: "shop", Method: "PATCH", Device: "patch@1.0", Other: "kept" },
      "fleet/state": "forged",
    });
    const out = sent.messages.find(({ Target }) => Target === address("shop"));
    const names = out?.Tags.map(({ name }) => name.toLowerCase()) ?? [];
    expect(names).toContain("other");
    expect(names.filter((name) => name === "method" || name === "device")).toEqual([]);
    await p.drop();
  },
);

test.each(DEVICES)(
  "what an Eval changes by hand is published at once, and when it is repaired (%s)",
  async (_, on) => {
    const { p } = await bare(COUNTER, on);
    const hand = await p.eval('Handlers.add("hack", "Hack", function() end) return "added"');
    expect(published(hand)).toMatchObject([{ health: "UNHEALTHY", status: "ACTIVE" }]);
    expect(state(hand)).toMatchObject({
      changedByHand: [{ kind: "HANDLER", change: "ADDED", name: "hack" }],
      health: { failed: [{ name: "code" }] },
    });
    expect(published(await p.eval("return 1 + 1"))).toEqual([]);
    // A stranger's Eval is not run, and is no reason to judge.
    expect(published(await p.send({ From: USER, Action: "Eval", Data: "return 1" }))).toEqual([]);
    const repaired = await p.load({ source: COUNTER, epoch: 2, repeats: true });
    expect(published(repaired)).toMatchObject([{ health: "HEALTHY" }]);
    await p.drop();
  },
);

test("a member that goes on without the library publishes nothing more", async () => {
  const { p } = await bare(COUNTER);
  const plain = composeWithoutLibrary('Handlers.add("a", "A", function() end)', {
    ...{ process: "shown", release: "r2", sourceHash: "0".repeat(64), version: "2", epoch: 2, repeats: true },
  });
  const result = await p.eval(plain.text);
  expect([result.error, result.messages]).toEqual([undefined, []]);
  expect(await p.value('package.loaded[".fleet-library"] == nil')).toBe(true);
  const later = await p.send({ From: USER, Action: "A", Timestamp: p.now + 2 * MINUTE });
  expect([later.error, later.messages]).toEqual([undefined, []]);
  await p.drop();
});

test.each(DEVICES)("a later load publishes the new release, with one wrapper (%s)", async (_, on) => {
  const { p } = await bare(COUNTER, on);
  for (const release of ["r2", "r3"]) {
    const load = await p.load({ source: COUNTER, release, epoch: Number(release.slice(1)), repeats: true });
    expect(published(load)).toMatchObject([{ release, epoch: Number(release.slice(1)) }]);
  }
  expect(await p.value("ao.result == Fleet.result and Fleet.aosResult ~= Fleet.result")).toBe(true);
  await p.drop();
});

test.each(DEVICES)(
  "what is larger than the limit is published as empty, and the message is answered (%s)",
  async (_, on) => {
    const { p } = await bare(COUNTER, on);
    const peers = Object.fromEntries(
      Array.from({ length: 900 }, (_, n) => [`peer-${n}`, address(`peer-${n}`)]),
    );
    const wired = await p.send({
      ...{ From: OWNER, Action: "WIRE_PEERS", Tags: { Epoch: "1" }, Data: { peers, hash: "h" } },
    });
    expect(wired.reply?.data.success).toBe(true);
    expect(published(wired)).toMatchObject([{ state: "", release: "r1" }]);
    await p.drop();
  },
);

test.each(DEVICES)(
  "processes that publish work together: calls, replies and the router's answers are as without (%s)",
  async (_, on) => {
    const world = new World();
    const caller = `local fleet = require("fleet")
fleet.process { name = "caller", version = "1.0.0" }
fleet.on("ASK", {}, function(_, msg)
  fleet.call("counter", "ADD", { by = 2 }, function(reply) fleet.reply(msg, { n = reply.n }) end)
  return fleet.later(msg)
end)`;
    world.processes.set("caller", await boot("caller", { source: caller, tags: NODE, repeats: true, ...on }));
    world.processes.set(
      "counter",
      await boot("counter", { source: COUNTER, tags: NODE, repeats: true, ...on }),
    );
    await world.send("caller", {
      ...{ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { counter: world.get("counter").id } } },
    });
    const { reply } = await world.send("caller", { From: USER, Action: "ASK" });
    expect(reply?.data).toMatchObject({ success: true, n: 2 });
    for (const each of world.processes.values()) await each.drop();
  },
);
