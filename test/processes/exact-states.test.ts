/** States whose plain JSON would lose something are carried exactly, together with the globals: floats, shared tables, cycles, bytes. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot, type SendOptions } from "./aos.ts";
import { fill, inParts } from "./in-parts.ts";
import { SAME, scalar, tables } from "./lua-data.ts";

const PROGRAM = `
local fleet = require("fleet")
fleet.process { name = "exact", processType = "EXACT", version = "1.0.0" }
local A = fleet.state("a", { stock = { n = 1 } })
local B = fleet.state("b", {})
local K = fleet.state("keys", {}, { partition = true })
local stock = A.stock
fleet.invariant("no minus", function() return A.minus == nil, "minus" end)
fleet.on("LOOK", { readonly = true }, function() return { stock = stock.n, isOwn = rawequal(stock, A.stock) } end)
Handlers.add("note", "Note", function() G = { "noted" } end)
`;

interface Exported {
  readonly state: Readonly<Record<string, unknown>> & { schema: number; states: Record<string, unknown> };
  readonly digest: string;
}

let base: Aos;
beforeAll(async () => {
  base = await boot("exact", { source: PROGRAM });
  await base.send({ From: address("stranger"), Action: "Note" });
}, 60_000);

const data = async (p: Aos, message: SendOptions) => (await p.send(message)).reply?.data;

async function exported(p: Aos): Promise<Exported> {
  const reply = await data(p, { Action: "EXPORT_STATE", Data: { whole: true } });
  const { state, digest } = reply as unknown as Exported;
  expect(sha256(canonicalJson(state))).toBe(digest);
  return { state, digest };
}

const imported = (p: Aos, { state, digest }: { state: object; digest: string }) =>
  data(p, { Action: "IMPORT_STATE", Epoch: "1", Data: { state, digest } });

/** A process whose states and globals are set by Lua, which sees them as `A`, `B`, `K` and by their names. */
async function made(lua: string): Promise<Aos> {
  const p = await base.clone();
  await set(p, lua);
  return p;
}

async function set(p: Aos, lua: string): Promise<void> {
  const run = await p.eval(`local s = Fleet.store.states local A, B, K = s.a, s.b, s.keys ${lua}`);
  expect(run.error).toBeUndefined();
}

const look = (p: Aos, expression: string) =>
  p.value(
    `(function() local s = Fleet.store.states local A, B, K = s.a, s.b, s.keys return ${expression} end)()`,
  );

/** Each is a fault that plain JSON would have. */
const FAULTS: readonly (readonly [name: string, made: string, holds: string])[] = [
  ["a float without a fraction", "A.n = 1.0", `math.type(A.n) == "float"`],
  ["a negative zero", "A.n = -0.0", "1 / A.n == -math.huge"],
  ["a float from 2^53 on", "A.n = 2.0 ^ 53", `math.type(A.n) == "float" and A.n == 2.0 ^ 53`],
  ["a table that two keys share", "A.x = { 1 } A.y = A.x", "rawequal(A.x, A.y) and A.x[1] == 1"],
  ["a table that two states share", "A.x = { 1 } B.x = A.x", "rawequal(A.x, B.x)"],
  ["a state in another one", "A.x = B B.n = 1", "rawequal(A.x, Fleet.store.states.b) and B.n == 1"],
  ["a table that a global shares", "A.x = { 1 } G = { A.x }", "rawequal(A.x, G[1])"],
  ["a global that is a state", "A.x = 1 G = A", "rawequal(A, G) and G.x == 1"],
  ["a global that contains a state", "A.x = 1 G = { players = A }", "rawequal(A, G.players) and A.x == 1"],
  ["a table in itself", "A.x = {} A.x.up = A", "rawequal(A.x.up, A)"],
  ["bytes", `A.x = "\\xff\\0"`, `A.x == "\\xff\\0"`],
  ["a key in bytes", `A["\\xff"] = 1`, `A["\\xff"] == 1`],
  ["a big integer", `A.x = require(".bint")(256)(7)`, `tostring(A.x) == "7"`],
];

describe("a state arrives exactly", () => {
  test.each(FAULTS)("with %s", async (_name, lua, holds) => {
    const [from, to] = [await made(lua), await made("A.x = { old = true } B.x = { older = true }")];
    const sent = await exported(from);
    expect(sent.state.schema).toBe(3);
    expect(await imported(to, sent)).toEqual({ success: true, digest: sent.digest });
    expect(await look(to, holds)).toBe(true);
    expect((await exported(to)).digest).toBe(sent.digest);
    // The tables that the program refers to are still those of the state.
    expect(await data(to, { Action: "LOOK" })).toMatchObject({ stock: 1, isOwn: true });
  });

  test("in the Lua of a node", async () => {
    const [from, to] = [
      await boot("exact", { source: PROGRAM, id: address("node-1"), lua: true }),
      await boot("exact", { source: PROGRAM, id: address("node-2"), lua: true }),
    ];
    await set(from, "A.n, A.big, A.x, A.bytes = 1.0, 2.0 ^ 53, { 1 }, '\\xff' B.x = A.x G = { A.x }");
    const sent = await exported(from);
    expect(sent.state.schema).toBe(3);
    expect(await imported(to, sent)).toEqual({ success: true, digest: sent.digest });
    expect((await exported(to)).digest).toBe(sent.digest);
    const holds = "{ math.type(A.n), math.type(A.big), rawequal(A.x, B.x), #A.bytes }";
    expect(await look(to, holds)).toEqual(["float", "float", true, 1]);
    await from.drop();
    await to.drop();
  });

  test("with the code of an earlier state", async () => {
    const { state, digest } = await exported(await made("A.n, A.stock.n, B.stock = 5.0, 7, A.stock"));
    const given = { text: canonicalJson(state), digest };
    const p = await boot("exact", { source: PROGRAM, id: address("restored"), state: given });
    expect(await look(p, "{ math.type(A.n), rawequal(A.stock, B.stock) }")).toEqual(["float", true]);
    expect(await data(p, { Action: "LOOK" })).toMatchObject({ stock: 7, isOwn: true });
    await p.drop();
  });

  test.each([
    ["by a load of the same code", "", true],
    ["by a load whose code adds to it", "A.x.more = A.x.more or {} B.more = { A.x }", false],
    ["by a load whose code assigns tables of it", "A.x, B.x = {}, {}", true],
    ["by a load whose code assigns the global", "G = { {}, { 2 }, old = true }", true],
  ])("in place, %s", async (_what, code, same) => {
    const p = await made("A.x = { 1.0 } B.x = A.x G = { A.x, { 7 } } G.up = G G.b = B");
    const { state, digest } = await exported(p);
    await set(p, "A.x, B.x = { 2 }, { 3 } G = { A.x }");
    const source = `${PROGRAM}\n${code}`;
    const loaded = await p.load({ source, state: { text: canonicalJson(state), digest } });
    expect(loaded.error).toBeUndefined();
    const parts =
      "{ math.type(A.x[1]), rawequal(A.x, B.x), rawequal(A.x, G[1]), rawequal(B, G.b), rawequal(G, G.up), G[2][1], G.old == nil }";
    expect(await look(p, parts)).toEqual(["float", true, true, true, true, 7, true]);
    expect((await exported(p)).digest === digest).toBe(same);
  });

  test("in place, or the load is undone: its code keeps a function in the global", async () => {
    const p = await made("A.x = { 1 } G = { A.x }");
    const { state, digest } = await exported(p);
    const source = `${PROGRAM}\nG = { A.x, go = print }`;
    const { error } = await p.load({ source, state: { text: canonicalJson(state), digest } });
    expect(error).toMatch(/EXPORT_UNSUPPORTED: G\.go is a function.*The load is undone/);
  });

  test("in place, of an earlier library that copied a global which is a state: its code adds to the state, which is the global still", async () => {
    const players = { ann: { level: 2 } };
    const state = {
      ...{ schema: 2, stateVersion: "1", states: { a: { stock: { n: 1 } }, b: {}, keys: players } },
      ...{ globals: { G: players }, tables: [] },
    };
    const text = canonicalJson(state);
    const p = await boot("alias", { source: `${PROGRAM}\nG = K` });
    const source = `${PROGRAM}\nG = K K.index = K.index or { made = true }`;
    const loaded = await p.load({ source, state: { text, digest: sha256(text) } });
    expect(loaded.error).toBeUndefined();
    expect(await look(p, "{ rawequal(G, K), G.ann.level, K.index.made }")).toEqual([true, 2, true]);
    await p.drop();
  });

  test("with the keys of a range", async () => {
    const range = { salt: "r1", from: 0, to: 10_000 };
    const [from, to] = [
      await made("K.ann = { n = 1.0 } K.bob = { K.ann }"),
      await made("K.ann = { old = 1 }"),
    ];
    const sent = (await data(from, { Action: "EXPORT_KEYS", Data: range })) as unknown as Exported;
    expect(sent.state).toMatchObject({ schema: 3, states: { keys: { ann: { __ref: 1 } } } });
    const { state, digest } = sent;
    const reply = await data(to, { Action: "IMPORT_KEYS", Epoch: "1", Data: { ...range, state, digest } });
    expect(reply).toEqual({ success: true, digest });
    expect(await look(to, "{ math.type(K.ann.n), rawequal(K.ann, K.bob[1]), K.ann.old == nil }")).toEqual([
      "float",
      true,
      true,
    ]);
    expect((await data(to, { Action: "EXPORT_KEYS", Data: range }))?.digest).toBe(digest);
  });

  test("or not at all: an import that the program refuses is undone", async () => {
    const before = "A.x = { 1.0 } B.x = A.x G = { A.x }";
    const to = await made(before);
    const { digest } = await exported(to);
    const more = "s.fresh, s.again = { 1 }, A.stock";
    const sent = await exported(
      await made(`A.minus, A.stock.n, B.y = 1.0, 9, A.stock G = { A.stock } ${more}`),
    );
    expect((await imported(to, sent))?.error?.code).toBe("INVARIANT_BROKEN");
    expect((await exported(to)).digest).toBe(digest);
    expect(await look(to, "{ A.x[1], rawequal(A.x, G[1]), rawequal(A.x, B.x) }")).toEqual([1, true, true]);
    expect(await look(to, "{ Fleet.store.undo.fresh == nil, Fleet.store.undo.again == nil }")).toEqual([
      true,
      true,
    ]);
    expect(await data(to, { Action: "LOOK" })).toMatchObject({ stock: 1, isOwn: true });
  });
});

describe("earlier libraries", () => {
  test("read what plain JSON carries: its schema is theirs", async () => {
    const p = await made(
      `A.n, A.list, A[3], A.big, A.inf = 0.5, { 1, {} }, 1e300, math.maxinteger, math.huge A["é"] = "é"`,
    );
    const { state } = await exported(p);
    expect(state.schema).toBe(2);
    expect(state.states.a).toMatchObject({ __pairs: expect.arrayContaining([[3, 1e300]]) });
  });

  test.each([
    ["a later schema", { schema: 4, stateVersion: "1", states: {}, tables: [] }],
    ["lossless states without their shared tables", { schema: 3, stateVersion: "1", states: {} }],
    ["a reference to no table", { schema: 3, stateVersion: "1", states: { a: { __ref: 1 } }, tables: [] }],
    ["a state that is a number", { schema: 3, stateVersion: "1", states: { a: { __int: "5" } }, tables: [] }],
  ])("refuse what they cannot read, by name: %s", async (_name, state) => {
    const p = await base.clone();
    const { digest } = await exported(p);
    const answer = await imported(p, { state, digest: sha256(canonicalJson(state)) });
    expect(answer?.error?.code).toBe("BAD_STATE");
    const text = "[]";
    const part = { id: "x", n: 1, text, digest: sha256(text), isLast: true, header: { ...state, schema: 4 } };
    const inPart = await data(p, { Action: "IMPORT_STATE", Epoch: "1", Data: { part } });
    expect(inPart?.error?.code).toBe("BAD_STATE");
    expect((await exported(p)).digest).toBe(digest);
  });
});

test("a router's table is carried as plain JSON, so that an export without it is still whole", async () => {
  const p = await boot("router", {
    source: `local fleet = require("fleet") fleet.process { name = "router", processType = "ROUTER", version = "1.0.0" }
      require("fleet.carry").serve() fleet.state("mine", {})`,
  });
  const shared =
    "Fleet.store.states.traffic.table = { at = 5.0 } Fleet.store.states.traffic.proven = Fleet.store.states.traffic.table";
  expect((await p.eval(shared)).error).toBeUndefined();
  expect((await exported(p)).state.schema).toBe(1);
  await p.eval("Fleet.store.states.mine.n = 5.0");
  const { state } = await exported(p);
  expect(state).toMatchObject({ schema: 3, tables: [], states: { mine: { n: { __float: "5.0" } } } });
  expect(state.states.traffic).toMatchObject({ table: { at: 5 }, proven: { at: 5 } });
  await p.drop();
});

describe("any plain data arrives", () => {
  let from: Aos;
  let to: Aos;
  beforeAll(async () => {
    [from, to] = [await base.clone(), await base.clone()];
  });
  afterAll(async () => {
    await from.drop();
    await to.drop();
  });

  /** Lua that gives the states and the global random content; tables are large for whoever counts a shared one each time. */
  const content = (lines: readonly string[], value: string, isLarge: boolean) => `
    do ${lines.join("\n")}
    for _, s in ipairs({ A, B }) do for k in next, s do s[k] = nil end end
    A.t, A.value, B.t, B.other, G = t[1], ${value}, t[1], t[#t], { t[#t], A.t }
    if ${isLarge} then
      local filler = { ("x"):rep(20000) }
      for _, each in ipairs(t) do each.filler = filler end
      B.fillers = {} for i = 1, 30 do B.fillers[i] = filler end
    end end`;
  const WANTED = "local A, B, G = {}, {}";

  test.each([
    ["in one piece", false, 40],
    ["in parts", true, 20],
  ])(
    "%s: kinds of numbers, bytes, keys, shared tables, cycles, big integers",
    async (_name, inPieces, numRuns) => {
      await fc.assert(
        fc.asyncProperty(tables, tables, scalar, async (a, b, value) => {
          await set(from, content(a, value, inPieces));
          // With any earlier content on the other side.
          await set(to, content(b, "1", false));
          if (inPieces) {
            const { state, digest } = await inParts(from);
            expect(digest).toBe((await exported(from)).digest);
            await fill(to, state, digest);
            expect((await inParts(to)).digest).toBe(digest);
          } else {
            const sent = await exported(from);
            expect(await imported(to, sent)).toEqual({ success: true, digest: sent.digest });
            expect((await exported(to)).digest).toBe(sent.digest);
          }
          const got = "local got = { Fleet.store.states.a, Fleet.store.states.b, G }";
          const check = `${SAME}\n${got}\n${WANTED}\n${content(a, value, inPieces)}\nreturn tostring(same(got, { A, B, G }, {}))`;
          expect((await to.eval(check)).output).toBe("true");
        }),
        { numRuns },
      );
    },
    120_000,
  );

  test("also if it is large: every kind of table is divided", async () => {
    await set(
      from,
      `for _, s in ipairs({ A, B }) do for k in next, s do s[k] = nil end end
      A.byId, A.odd, A.list, A.text = {}, {}, {}, ("\\xff"):rep(10000)
      for i = 1, 1500 do A.byId["account-" .. i] = { n = i * 1.0, text = ("x"):rep(100) } end
      for i = 1, 1500 do A.odd[i * 2] = ("y"):rep(100) .. "\\xfe" end
      for i = 1, 1500 do A.list[i] = ("z"):rep(20) end
      B.byId, B.one, B.list, A["\\xff"] = A.byId, A.byId["account-7"], A.list, { ("w"):rep(20000) }
      G = { list = A.list, own = {} } for i = 1, 1500 do G.own["page-" .. i] = i * 1.0 end`,
    );
    const { state, digest, sizes } = await inParts(from);
    expect(sizes.length).toBeGreaterThan(2);
    expect(digest).toBe((await exported(from)).digest);
    await fill(to, state, digest);
    expect((await exported(to)).digest).toBe(digest);
    const holds = `{ math.type(A.byId["account-9"].n), rawequal(A.byId, B.byId), rawequal(B.one, A.byId["account-7"]), #A.text,
      rawequal(G.list, A.list), #A.odd[3000], #A["\\xff"][1] }`;
    expect(await look(to, holds)).toEqual(["float", true, true, 10_000, true, 101, 20_000]);
  }, 60_000);
});
