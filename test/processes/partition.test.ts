/** Requests by keys that are being moved to another process, and all other requests meanwhile. */
import { beforeAll, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { bucket } from "../router/reference.ts";
import { type Aos, address, boot, MESSENGER } from "./aos.ts";

const [STRANGER, COORDINATOR, PLAYER] = ["stranger", "the-coordinator", "player"].map(address) as [
  string,
  string,
  string,
];
const SALT = "r1";
const HALF = { salt: SALT, from: 0, to: 5000 };
let p: Aos;
let [moved, stays] = ["", ""];

const PURSES = `
local fleet = require("fleet")
fleet.process { name = "purses", processType = "SHOP", version = "1.0.0", capabilities = {} }
local purses = fleet.state("purses", {}, { partition = true })
fleet.on("EARN", { schema = { player = { type = "string", required = true } } }, function(data)
  purses[data.player] = (purses[data.player] or 0) + 1
  return { sum = purses[data.player] }
end)
Handlers.add("gift", "Gift", function(msg)
  local player = msg.Tags.Player
  if msg.Tags.Ask then player = Receive({ Action = "Thanks" }).Tags.Player end
  purses[player] = (purses[player] or 0) + 100
end)
Handlers.add("tick", "Tick", function() Ticks = (Ticks or 0) + 1 end)
`;

beforeAll(async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `player-${i}`);
  moved = keys.find((key) => bucket(key, SALT) < 5000) ?? "";
  stays = keys.find((key) => bucket(key, SALT) >= 5000) ?? "";
  p = await boot("purses", { source: PURSES });
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { coordinator: COORDINATOR } } });
  const sealed = await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: HALF });
  expect(sealed.reply?.data.sealed).toMatchObject([{ from: 0, to: 5000 }]);
}, 60_000);

const earn = async (key: string, tags: object) =>
  (await p.send({ Action: "EARN", Data: { player: key }, ...tags })).reply?.data;

test("a request that the router forwards for a player is served by its key", async () => {
  const carried = (key: string) => ({ From: COORDINATOR, "Traffic-Key": key, "On-Behalf-Of": PLAYER });
  expect(await earn(stays, carried(stays))).toMatchObject({ sum: 1 });
  expect(await earn(moved, carried(moved))).toMatchObject({ error: { code: "DRAINING" } });
  expect(await earn(stays, { From: COORDINATOR, "Traffic-Key": stays })).toMatchObject({ sum: 2 });
});

test("only the router can name a request's key", async () => {
  const refused = { error: { code: "DRAINING" } };
  expect(await earn(stays, { From: STRANGER, "Traffic-Key": stays })).toMatchObject(refused);
  expect(await earn(stays, { From: STRANGER })).toMatchObject(refused);
  expect(await earn(stays, { From: COORDINATOR, "On-Behalf-Of": PLAYER })).toMatchObject(refused);
});

const purse = (key: string) => p.value(`Fleet.store.states.purses["${key}"] or 0`);

test("a handler of the program gets no request of a key that moves, and none of a wallet without a key", async () => {
  const gift = async (key: string, from: object) =>
    (await p.send({ Action: "Gift", Player: key, ...from })).reply?.data.error?.code;
  const before = await Promise.all([purse(moved), purse(stays)]);
  for (const key of [moved, stays]) {
    const code = await gift(key, { From: COORDINATOR, "Traffic-Key": key });
    expect(code).toBe(key === moved ? "DRAINING" : undefined);
  }
  expect(await gift(stays, { From: STRANGER })).toBe("DRAINING");
  expect(await gift(stays, { From: STRANGER, "Traffic-Key": stays })).toBe("DRAINING");
  expect(await Promise.all([purse(moved), purse(stays)])).toEqual([before[0], Number(before[1]) + 100]);
  // Nobody would send these again.
  expect(await gift(stays, { From: address("token"), Owner: MESSENGER })).toBeUndefined();
  await p.send({ Action: "Tick", Cron: true });
  expect([await purse(stays), await p.value("Ticks")]).toEqual([Number(before[1]) + 200, 1]);
});

test("a handler that waits since a request of a key is open for the range with that key alone", async () => {
  const open = async (range: object) =>
    (await p.send({ Action: "GET_KEYS", Data: { ...HALF, ...range } })).reply?.data.open;
  const before = Number(await purse(stays));
  await p.send({ Action: "Gift", Ask: "1", Player: stays, From: COORDINATOR, "Traffic-Key": stays });
  expect([await open({}), await open({ from: 5000, to: 10_000 })]).toEqual([0, 1]);
  await p.send({ Action: "Gift", Ask: "1", Player: stays, From: address("token"), Owner: MESSENGER });
  // A message with a key between is not the one that made it wait.
  await earn(stays, { From: COORDINATOR, "Traffic-Key": stays });
  await earn(stays, { From: COORDINATOR, "Traffic-Key": stays });
  expect([await open({}), await open({ from: 5000, to: 10_000 })]).toEqual([1, 2]);
  for (const n of ["1", "2"])
    await p.send({ Action: "Thanks", N: n, Player: stays, From: COORDINATOR, "Traffic-Key": stays });
  expect([await open({}), await open({ from: 5000, to: 10_000 })]).toEqual([0, 0]);
  expect(await purse(stays)).toBe(before + 202);
});

test("a handler that has waited for 30 s for a sealed key is not open, and gets no message until the key is unsealed", async () => {
  const keyOf = (key: string) => ({ From: COORDINATOR, "Traffic-Key": key });
  const open = async () => {
    const { open: all, old } = (await p.send({ Action: "GET_KEYS", Data: HALF })).reply?.data ?? {};
    return [all, old];
  };
  const thanks = (n: string) => p.send({ Action: "Thanks", N: n, Player: moved, ...keyOf(stays) });
  const before = Number(await purse(moved));
  await p.send({ Action: "UNSEAL_KEYS", Epoch: "1", Data: HALF });
  await p.send({ Action: "Gift", Ask: "1", Player: moved, ...keyOf(moved) });
  await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: HALF });
  const at = p.now;
  // The part of a sealed range is sealed since then, too.
  await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: { ...HALF, to: 100 } });
  expect(await open()).toEqual([1, undefined]);
  const sealed = { salt: SALT, ranges: [{ from: 0, to: 5000, at }] };
  for (const Action of ["Info", "HEALTH_CHECK"])
    expect((await p.send({ Action })).reply?.data.sealed).toEqual(sealed);
  // Processes' messages without a key can begin further ones, but keep nothing open for longer.
  const notice = { Action: "Gift", Ask: "1", Player: stays, From: address("token"), Owner: MESSENGER };
  await p.send({ ...notice, Timestamp: at + 31_000 });
  expect(await open()).toEqual([2, expect.objectContaining({ count: 2 })]);
  await thanks("1");
  await thanks("2");
  expect(await purse(moved)).toBe(before + 100);
  expect(await open()).toEqual([1, expect.objectContaining({ count: 1 })]);
  await p.send({ Action: "UNSEAL_KEYS", Epoch: "1", Data: HALF });
  await thanks("3");
  expect(await purse(moved)).toBe(before + 200);
  expect((await p.send({ Action: "Info" })).reply?.data.sealed).toBeUndefined();

  // One whose keys come back with the state of another process has ended.
  await p.send({ Action: "Gift", Ask: "1", Player: moved, ...keyOf(moved) });
  await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: HALF });
  await p.send({ Action: "Tick", Cron: true, Timestamp: p.now + 31_000 });
  const { state, digest } = (await p.send({ Action: "EXPORT_KEYS", Data: HALF })).reply?.data ?? {};
  await p.send({ Action: "IMPORT_KEYS", Epoch: "1", Data: { ...HALF, state, digest } });
  await thanks("4");
  expect([await purse(moved), await open()]).toEqual([before + 200, [0, undefined]]);
  await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: HALF });
});

test("a loop of the load gets messages of keys that stay, after a hand-over did not wait for it and after the import, too", async () => {
  const source = `
local fleet = require("fleet")
fleet.process { name = "purses", processType = "SHOP", version = "1.0.0", capabilities = {} }
local purses = fleet.state("purses", {}, { partition = true })
coroutine.wrap(function()
  while true do
    local msg = Receive({ Action = "Gift" })
    purses[msg.Tags.Player] = (purses[msg.Tags.Player] or 0) + 1
  end
end)()`;
  const loop = await boot("purses", { source });
  await loop.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { coordinator: COORDINATOR } } });
  const gift = async (key: string) => {
    const sent = { Action: "Gift", Player: key, From: COORDINATOR, "Traffic-Key": key };
    await loop.send({ ...sent, Timestamp: loop.now + 31_000 });
    return loop.value(`Fleet.store.states.purses["${key}"] or 0`);
  };
  expect([await gift(moved), await gift(stays)]).toEqual([1, 1]);
  const sealed = { Action: "SEAL_KEYS", Epoch: "1", Data: HALF };
  await loop.send(sealed);
  // As an earlier library sealed it.
  await loop.eval("Fleet.store.partition.ranges[1].at = nil");
  expect((await loop.send(sealed)).reply?.data.sealed).toEqual([{ from: 0, to: 5000, at: loop.now }]);
  expect([await gift(moved), await gift(stays)]).toEqual([1, 2]);
  const { state, digest } = (await loop.send({ Action: "EXPORT_KEYS", Data: HALF })).reply?.data ?? {};
  const back = { Action: "IMPORT_KEYS", Epoch: "1", Data: { ...HALF, state, digest } };
  expect((await loop.send(back)).reply?.data.success).toBe(true);
  expect([await gift(moved), await gift(stays)]).toEqual([2, 3]);
  await loop.drop();
});

test("what waits in the body of a loop of the load is a wait like any other; the loop gets no request that is refused, from the first one on", async () => {
  const source = `
local fleet = require("fleet")
fleet.process { name = "purses", processType = "SHOP", version = "1.0.0", capabilities = {} }
local purses = fleet.state("purses", {}, { partition = true })
local function by(action) return function(msg) return msg.Action == action end end
coroutine.wrap(function()
  while true do
    local player = Receive(by("Gift")).Tags.Player
    local old = purses[player] or 0
    Receive(by("Thanks"))
    purses[player] = old + 1
  end
end)()`;
  const loop = await boot("purses", { source });
  const purse = (key: string) => loop.value(`Fleet.store.states.purses["${key}"] or 0`);
  const gift = async (key: string) => {
    const sent = { Action: "Gift", Player: key, From: COORDINATOR, "Traffic-Key": key };
    return (await loop.send(sent)).reply?.data.error?.code;
  };
  const thanks = async (Timestamp = loop.now + 1) => {
    await loop.send({ Action: "Thanks", From: address("token"), Owner: MESSENGER, Timestamp });
    return [await purse(moved), await purse(stays)];
  };
  const control = (Action: string, Data: object) => loop.send({ Action, Epoch: "1", Data });
  await control("WIRE_PEERS", { peers: { coordinator: COORDINATOR } });
  await control("DRAIN", {});
  expect([await gift(moved), await thanks()]).toEqual(["DRAINING", [0, 0]]);
  await control("RESUME", {});
  await control("SEAL_KEYS", HALF);
  expect([await gift(moved), await thanks()]).toEqual(["DRAINING", [0, 0]]);
  expect([await gift(stays), await thanks()]).toEqual([undefined, [0, 1]]);
  await control("UNSEAL_KEYS", HALF);
  // The reply to a gift that came before the seal would write what was handed over.
  await gift(moved);
  await control("SEAL_KEYS", HALF);
  expect(await thanks(loop.now + 31_000)).toEqual([0, 1]);
  const { state, digest } = (await loop.send({ Action: "EXPORT_KEYS", Data: HALF })).reply?.data ?? {};
  expect((await control("IMPORT_KEYS", { ...HALF, state, digest })).reply?.data.success).toBe(true);
  expect(await thanks()).toEqual([0, 1]);
  await loop.drop();
});

test("a refused import of keys leaves a state that is not undone as it was", async () => {
  const source = `
local fleet = require("fleet")
fleet.process { name = "vault", processType = "SHOP", version = "1.0.0", capabilities = {} }
local vault = fleet.state("vault", {}, { partition = true, undo = "none" })
fleet.on("SET", {}, function(data) vault[data.key] = data.value return {} end)
fleet.invariant("small", function() return (vault["${moved}"] or 0) < 10, "too much" end)`;
  const vault = await boot("vault", { source });
  await vault.send({ Action: "SET", Data: { key: moved, value: 5 } });
  const state = { schema: 1, stateVersion: "1", states: { vault: { [moved]: 50 } } };
  const digest = sha256(canonicalJson(state));
  const reply = await vault.send({
    Action: "IMPORT_KEYS",
    Epoch: "1",
    Data: { ...HALF, state, digest },
  });
  expect(reply.reply?.data.error?.code).toBe("INVARIANT_BROKEN");
  expect(await vault.value("Fleet.store.states.vault")).toEqual({ [moved]: 5 });
  await vault.drop();
});

test("once the keys are back all requests are served", async () => {
  const before = Number(await purse(moved));
  await p.send({ Action: "UNSEAL_KEYS", Epoch: "1", Data: HALF });
  expect(await earn(moved, { From: STRANGER })).toMatchObject({ sum: before + 1 });
});

test("a reference to what a key has is still the state after an import of its keys", async () => {
  const source = `
local fleet = require("fleet")
fleet.process { name = "purses", processType = "SHOP", version = "1.0.0", capabilities = {} }
local purses, known = fleet.state("purses", {}, { partition = true }), {}
fleet.on("EARN", { schema = { player = { type = "string", required = true } } }, function(data)
  purses[data.player] = purses[data.player] or { sum = 0 }
  local purse = known[data.player] or purses[data.player]
  known[data.player] = purse
  purse.sum = purse.sum + 1
  return { sum = purses[data.player].sum }
end)`;
  const [from, to] = [await boot("purses", { source }), await boot("purses", { source })];
  const earned = async (at: Aos) =>
    (await at.send({ Action: "EARN", Data: { player: moved } })).reply?.data.sum;
  await earned(from);
  expect([await earned(from), await earned(to)]).toEqual([2, 1]);
  const { state, digest } = (await from.send({ Action: "EXPORT_KEYS", Data: HALF })).reply?.data ?? {};
  const imported = await to.send({ Action: "IMPORT_KEYS", Epoch: "1", Data: { ...HALF, state, digest } });
  expect(imported.reply?.data.success).toBe(true);
  expect(await earned(to)).toBe(3);
  for (const each of [from, to]) await each.drop();
});
