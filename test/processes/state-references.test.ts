/** What a program keeps of a state, in local variables and globals, is still the state after an import, a failure and a hand-over. */
import { beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot } from "./aos.ts";

const SHOP = `
local fleet = require("fleet")
fleet.process { name = "shop", processType = "SHOP", version = "1.0.0" }
local S = fleet.state("shop", { stock = {}, empty = {}, rooms = { a = { size = 1 }, b = { size = 2 } } })
local EMPTY, Lazy = {}, nil
local Waiting
Game = { players = fleet.state("players", {}), round = 1 }
Stock = S.stock
local stock, room = S.stock, S.rooms.a
Players = fleet.state("players", {})
fleet.on("JOIN", {}, function(data) Players[data.key] = { level = 1 } return {} end)
fleet.on("ADD", {}, function(data)
  stock[data.key] = (stock[data.key] or 0) + 1
  room.size = room.size + 1
  if data.fail then error("as asked") end
  return { stock = stock }
end)
fleet.on("FIRST", {}, function(data)
  Lazy = Lazy or fleet.state("lazy", { n = 0 })
  Lazy.n = Lazy.n + 1
  if data.fail then error("as asked") end
  return { n = Lazy.n }
end)
fleet.on("ORDER", {}, function(data) S.orders = { { of = data.key } } Waiting = S.orders[1] return {} end)
fleet.on("PAY", {}, function() Waiting.paid = true return { orders = S.orders } end)
local Log = fleet.state("log", {}, { undo = "append" })
fleet.on("NOTE", {}, function(data) Log[#Log + 1] = data.key return { log = Log } end)
fleet.invariant("log", function() return Log[1] ~= "bad", "the log is bad" end)
fleet.on("LEND", {}, function(data) S.lent = { [data.key] = EMPTY, other = EMPTY } return {} end)
fleet.on("LOOK", { readonly = true }, function() return { shop = S, empty = next(EMPTY) == nil } end)
fleet.on("VISIT", {}, function(data)
  local s = fleet.state("visits:" .. data.who, { n = 0 }, { undo = data.undo, partition = data.partition })
  s.n = s.n + 1
  if data.fail then error("as asked") end
  return { n = s.n }
end)
`;

interface Exported {
  readonly state: object;
  readonly digest: string;
}

let base: Aos;
beforeAll(async () => {
  base = await boot("shop", { source: SHOP });
}, 60_000);

const exported = async (p: Aos) =>
  (await p.send({ Action: "EXPORT_STATE", Data: { whole: true } })).reply?.data as unknown as Exported;
const send = async (p: Aos, Action: string, Data: object = {}) =>
  (await p.send({ Action, Data })).reply?.data;
const imported = async (p: Aos, { state, digest }: Exported) =>
  (await p.send({ Action: "IMPORT_STATE", Epoch: "1", Data: { state, digest } })).reply?.data;

describe("a reference into a state", () => {
  test("is the state after an import, and a failed message is undone through it", async () => {
    const [from, to] = [await base.clone(), await base.clone()];
    await send(from, "ADD", { key: "apples" });
    await send(to, "ADD", { key: "pears" });
    const state = await exported(from);
    expect(await imported(to, state)).toEqual({ success: true, digest: state.digest });
    expect((await exported(to)).digest).toBe(state.digest);
    expect(await send(to, "ADD", { key: "apples" })).toMatchObject({ stock: { apples: 2 } });
    const shop = { stock: { apples: 2 }, empty: [], rooms: { a: { size: 3 }, b: { size: 2 } } };
    expect(await send(to, "LOOK")).toMatchObject({ shop });
    expect((await send(to, "ADD", { key: "nuts", fail: true }))?.error?.code).toBe("INTERNAL");
    expect(await send(to, "LOOK")).toMatchObject({ shop });
  });

  test("is the state of a process that is loaded with another one's", async () => {
    const from = await base.clone();
    await send(from, "ADD", { key: "apples" });
    const { state, digest } = await exported(from);
    const to = await boot("shop", {
      source: SHOP,
      id: address("shop-2"),
      state: { text: JSON.stringify(state), digest },
    });
    await send(to, "ADD", { key: "apples" });
    expect(await send(to, "LOOK")).toMatchObject({
      shop: { stock: { apples: 2 }, rooms: { a: { size: 3 } } },
    });
    await to.drop();
  });

  test("does not bring one place's values into a table of the code that is at several places", async () => {
    const [from, to] = [await base.clone(), await base.clone()];
    await send(to, "LEND", { key: "x" });
    await from.eval("Fleet.store.states.shop.lent = { x = { 5 }, other = { 6 } }");
    expect(await imported(to, await exported(from))).toMatchObject({ success: true });
    expect(await send(to, "LOOK")).toMatchObject({ shop: { lent: { x: [5], other: [6] } }, empty: true });
  });
});

test("an import does not fill the table of a module that a state refers to", async () => {
  const [from, to] = [await base.clone(), await base.clone()];
  const rules = "package.loaded.rules = { fee = 3 } Fleet.store.states.shop.rules = package.loaded.rules";
  for (const each of [from, to]) await each.eval(rules);
  await from.eval("Fleet.store.states.shop.rules = { fee = 9 }");
  expect(await imported(to, await exported(from))).toMatchObject({ success: true });
  expect(await to.value("{ package.loaded.rules.fee, Fleet.store.states.shop.rules.fee }")).toEqual([3, 9]);
});

describe("a state that a message declares", () => {
  test("has its first content again if the message fails, and its options", async () => {
    const p = await base.clone();
    for (const who of ["a", "b"])
      expect((await send(p, "VISIT", { who, fail: true, partition: true }))?.error?.code).toBe("INTERNAL");
    // A module that the message was the first to require keeps the table, and nothing declares it again.
    const options = "{ Fleet.store.undo['visits:a'], Fleet.store.partitioned['visits:a'] }";
    expect(await p.value(options)).toEqual(["copy", true]);
    expect(await exported(p)).toMatchObject({
      state: { states: { "visits:a": { n: 0 }, "visits:b": { n: 0 } } },
    });
    expect(await send(p, "VISIT", { who: "a" })).toMatchObject({ n: 1 });
    expect((await send(p, "VISIT", { who: "a", fail: true, undo: "none" }))?.error?.code).toBe("INTERNAL");
    expect(await send(p, "VISIT", { who: "a" })).toMatchObject({ n: 2 });
    expect(await p.value("Fleet.store.undo['visits:a']")).toBe("copy");
  });

  test("is still the state for a program that kept its table, after the message failed", async () => {
    const p = await base.clone();
    expect((await send(p, "FIRST", { fail: true }))?.error?.code).toBe("INTERNAL");
    expect(await send(p, "FIRST")).toMatchObject({ n: 1 });
    expect((await send(p, "FIRST", { fail: true }))?.error?.code).toBe("INTERNAL");
    expect(await send(p, "FIRST")).toMatchObject({ n: 2 });
    expect(await exported(p)).toMatchObject({ state: { states: { lazy: { n: 2 } } } });
  });

  test("brings nothing back that the failed message wrote to another state", async () => {
    const p = await base.clone();
    await send(p, "ADD", { key: "apples" });
    const run = `(function()
      local run, S = require("fleet.run"), Fleet.store.states.shop
      run.protected(function()
        S.stock.apples = 90
        Fleet.state("view", { of = S.stock, own = { n = 1 } }).own.n = 2
        Fleet.state("alias", S.stock)
        error("as asked")
      end, {})
      return { S.stock.apples, Fleet.store.states.view.own.n }
    end)()`;
    expect(await p.value(run)).toEqual([1, 1]);
  });

  test("is removed again if there are many, because messages may choose names", async () => {
    const p = await base.clone();
    await p.eval("for i = 1, 300 do Fleet.store.states['many:' .. i] = {} end");
    expect((await send(p, "VISIT", { who: "a", fail: true }))?.error?.code).toBe("INTERNAL");
    const gone = ["states", "defaults", "undo", "partitioned"].map(
      (of) => `Fleet.store.${of}['visits:a'] == nil`,
    );
    expect(await p.value(gone.join(" and "))).toBe(true);
  });
});

describe("an import", () => {
  test("gives an entry of a list to no handler that waits with the one that was at its place", async () => {
    const [from, to] = [await base.clone(), await base.clone()];
    await send(from, "ORDER", { key: "theirs" });
    await send(to, "ORDER", { key: "ours" });
    const state = await exported(from);
    expect(await imported(to, state)).toMatchObject({ success: true });
    expect(await send(to, "PAY")).toMatchObject({ orders: [{ of: "theirs" }] });
    expect((await exported(to)).digest).toBe(state.digest);
  });

  test("that fails leaves a list that only grows as it was", async () => {
    const to = await base.clone();
    await send(to, "NOTE", { key: "one" });
    const { state } = await exported(to);
    const bad = { ...state, states: { log: ["bad", "two", "three"] } };
    const reply = await imported(to, { state: bad, digest: sha256(canonicalJson(bad)) });
    expect(reply?.error?.code).toBe("INVARIANT_BROKEN");
    expect(await send(to, "NOTE", { key: "two" })).toMatchObject({ log: ["one", "two"] });
  });
});

test("a global that contains a state's table, or is a table in a state, is no data of its own", async () => {
  const p = await base.clone();
  await send(p, "JOIN", { key: "ann" });
  await send(p, "ADD", { key: "apples" });
  const reply = (await p.send({ Action: "EXPORT_STATE", Data: { whole: true } })).reply?.data;
  expect(reply?.globals).toMatchObject({ carried: [], left: [] });
  expect(reply?.state).toMatchObject({ states: { players: { ann: {} }, shop: { stock: { apples: 1 } } } });
});

describe("a global that is the table of a state", () => {
  const isState = (p: Aos) => p.value("rawequal(Players, Fleet.store.states.players)");

  test("is exported once, with the state, and is its table after an import and after a load", async () => {
    const [from, to] = [await base.clone(), await base.clone()];
    await send(from, "JOIN", { key: "ann" });
    await send(to, "JOIN", { key: "bob" });
    const reply = (await from.send({ Action: "EXPORT_STATE", Data: { whole: true } })).reply?.data;
    expect(reply?.globals).toMatchObject({ carried: [], left: [] });
    expect(await imported(to, reply as unknown as Exported)).toMatchObject({ success: true });
    expect(await isState(to)).toBe(true);
    await send(to, "JOIN", { key: "cid" });
    expect(await to.value("Fleet.store.states.players")).toEqual({ ann: { level: 1 }, cid: { level: 1 } });
    await to.load();
    await send(to, "JOIN", { key: "dan" });
    expect(await exported(to)).toMatchObject({
      state: { globals: {}, states: { players: { dan: { level: 1 } } } },
    });
    expect(await isState(to)).toBe(true);
  });

  test.each([
    ["is its table after the import of an earlier library's two copies", { ann: { level: 7 } }, true],
    ["is a table of its own if what came for it differs", { ann: { level: 8 } }, false],
  ])("%s", async (_what, Players, same) => {
    const to = await base.clone();
    await send(to, "JOIN", { key: "bob" });
    const states = { players: { ann: { level: 7 } } };
    const state = { schema: 2, stateVersion: "1", states, globals: { Players }, tables: [] };
    expect(await imported(to, { state, digest: sha256(canonicalJson(state)) })).toMatchObject({
      success: true,
    });
    expect(await isState(to)).toBe(same);
    expect(await to.value("{ Players, Fleet.store.states.players }")).toEqual([Players, states.players]);
    // What came is what leaves.
    expect(await exported(to)).toMatchObject({ state: { globals: { Players }, states } });
    await to.load();
    const left = (await exported(to)).state as { globals: object };
    expect(left.globals).toEqual(same ? {} : { Players });
  });
});

describe("a global that a message put into a state", () => {
  const CART = `
local fleet = require("fleet")
fleet.process { name = "cart", processType = "CART", version = "1.0.0" }
local S = fleet.state("shop", {})
Cart = Cart or { items = {} }
fleet.on("PUT", {}, function() S.cart = Cart return {} end)
fleet.on("NAME", {}, function() fleet.state("carts", Cart) return {} end)
fleet.on("ADD", {}, function(data) Cart.last = data.key table.insert(Cart.items, data.key) return {} end)`;

  test.each([
    ["after a message changed it", ["ADD", "PUT", "load"]],
    ["although a load came before the change", ["PUT", "load", "load", "ADD"]],
    ["as a state of its own", ["ADD", "NAME", "load"]],
  ])("is carried with it: %s", async (_what, steps) => {
    const [from, to] = [await boot("cart", { source: CART }), await boot("cart", { source: CART })];
    for (const step of steps) {
      if (step === "load") expect((await from.load()).error).toBeUndefined();
      else expect(await send(from, step, { key: "milk" })).toMatchObject({ success: true });
    }
    const sent = await exported(from);
    expect(await imported(to, sent)).toMatchObject({ success: true });
    await to.load();
    expect(await send(to, "ADD", { key: "eggs" })).toMatchObject({ success: true });
    expect(await to.value("{ Cart.last, Cart.items }")).toEqual(["eggs", ["milk", "eggs"]]);
    expect(await to.value("rawequal(Cart, Fleet.store.states.carts or Fleet.store.states.shop.cart)")).toBe(
      true,
    );
    await from.drop();
    await to.drop();
  });

  test("is the state's once the code declares it so", async () => {
    const from = await boot("cart", { source: CART });
    await send(from, "ADD", { key: "milk" });
    const source = CART.replace("Cart or { items = {} }", 'fleet.state("carts", Cart)');
    expect((await from.load({ source })).error).toBeUndefined();
    await send(from, "ADD", { key: "eggs" });
    const reply = (await from.send({ Action: "EXPORT_STATE" })).reply?.data;
    expect(reply?.globals).toMatchObject({ carried: [], left: [] });
    expect(reply?.state).toMatchObject({ states: { carts: { items: ["milk", "eggs"] } } });
    await from.drop();
  });
});

describe("a null of the library's JSON", () => {
  const NULLS = `(function()
    local S, found = Fleet.store.states.shop, {}
    for i, v in ipairs({ S.none, S.list[1], S.list[2], Nulls[1] }) do found[i] = (getmetatable(v) or {}).__name or "none" end
    return found
  end)()`;
  const made = async (lua: string) => {
    const p = await base.clone();
    const { error } = await p.eval(`local S, N = Fleet.store.states.shop, Fleet.json.NULL ${lua}`);
    expect(error).toBeUndefined();
    return p;
  };

  test("arrives as one, also after a load in place", async () => {
    const [from, to] = [await made("S.none, S.list, Nulls = N, { N, N }, { N }"), await base.clone()];
    expect((await from.load({ source: `${SHOP}Nulls = { {} }` })).error).toBeUndefined();
    const sent = await exported(from);
    expect(await imported(to, sent)).toEqual({ success: true, digest: sent.digest });
    expect(await to.value(NULLS)).toEqual(Array(4).fill("json.null"));
    expect((await exported(to)).digest).toBe(sent.digest);
  });

  test("is not filled by what comes to its place", async () => {
    const [from, to] = [await made("Nulls = { { 7 } }"), await made("Nulls = { N }")];
    const sent = await exported(from);
    expect(sent.state).toMatchObject({ schema: 2 });
    expect(await imported(to, sent)).toEqual({ success: true, digest: sent.digest });
    expect(await to.value("{ Nulls[1][1], next(Fleet.json.NULL) == nil }")).toEqual([7, true]);
  });
});
