/** Globals of programs without the fleet's code: which of them are state, and how exactly they are handed over. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot } from "./aos.ts";
import { SAME, scalar, tables } from "./lua-data.ts";

const STRANGER = address("stranger");

/** A token without any code of the fleet. */
const TOKEN = `
Variant = "1.0"
FEE = 3
Balances = Balances or { owner = 100 }
json = require("json")
utils = { add = function(a, b) return a + b end }
Handlers.add("Mint", Handlers.utils.hasMatchingTag("Action", "Mint"), function(msg)
  Balances.owner = utils.add(Balances.owner, 5)
  Minted = (Minted or 0) + 5
  msg.reply({ Data = json.encode(Balances) })
end)
Handlers.add("Later", Handlers.utils.hasMatchingTag("Action", "Later"), function(msg)
  local answer = Receive({ Action = "Go" })
  Balances.owner = 1000
end)
Handlers.add("Noted", function(msg) return msg.Tags.Note ~= nil end, function(msg) Noted = msg.Tags.Note end)
`;
const NEXT = TOKEN.replace('"1.0"', '"2.0"').replace("FEE = 3", "FEE = 5");

let made = 0;
const token = (source = TOKEN, more: object = {}) =>
  boot("token", { source, id: address(`token-${made++}`), ...more });
const mint = (p: Aos) => p.send({ From: STRANGER, Action: "Mint" });

interface Exported {
  readonly state: { schema: number; globals?: Record<string, unknown> };
  readonly digest: string;
  readonly globals: { carried: string[]; left: string[]; waiting: number; old?: object };
}

async function exported(p: Aos, data: object = {}): Promise<Exported> {
  const { reply } = await p.send({ Action: "EXPORT_STATE", Data: data });
  if (reply?.data.success !== true) throw new Error(JSON.stringify(reply?.data));
  const { state, digest, globals } = reply.data as unknown as Exported;
  expect(sha256(canonicalJson(state))).toBe(digest);
  return { state, digest, globals };
}

async function refused(p: Aos, data: object = {}): Promise<string> {
  const { reply } = await p.send({ Action: "EXPORT_STATE", Data: data });
  return `${reply?.data.error?.code}: ${reply?.data.error?.message}`;
}

const taken = (p: Aos, { state, digest }: Pick<Exported, "state" | "digest">) =>
  p.send({ Action: "IMPORT_STATE", Epoch: "1", Data: { state, digest } });

describe("which globals are state", () => {
  test("are those that messages changed; settings, modules and tables of functions belong to the code", async () => {
    const p = await token();
    expect((await exported(p)).globals).toEqual({ carried: [], left: [], unknown: [], waiting: 0 });
    expect((await exported(p)).state).toEqual({ schema: 1, stateVersion: "1", states: {} });
    await mint(p);
    await mint(p);
    const { state, globals } = await exported(p);
    expect(globals.carried).toEqual(["Balances", "Minted"]);
    expect(state).toMatchObject({ schema: 2, globals: { Balances: { owner: 110 }, Minted: 10 } });
  });

  test("keep minted tokens, and take settings from the new code", async () => {
    const [from, to] = [await token(), await token(NEXT)];
    await mint(from);
    await mint(from);
    expect((await taken(to, await exported(from))).reply?.data.success).toBe(true);
    expect(await to.value("{ Variant, FEE, Balances.owner, Minted }")).toEqual(["2.0", 5, 110, 10]);
    // Every reference to the table sees the new content, and the copy is equal.
    await mint(to);
    expect(await to.value("Balances.owner")).toBe(115);
    expect((await exported(from)).digest).not.toBe((await exported(to)).digest);
  });

  test("survive a load in place unchanged", async () => {
    const p = await token();
    await mint(p);
    await p.load({ source: NEXT, version: "2.0.0" });
    expect((await exported(p)).globals.carried).toEqual(["Balances", "Minted"]);
    expect(await p.value("{ Variant, Balances.owner }")).toEqual(["2.0", 105]);
  });

  test("include what a load changed again: nothing is left behind", async () => {
    const p = await token();
    await mint(p);
    await p.load({ source: NEXT.replace("Balances or", "Balances and { owner = Balances.owner + 0 } or") });
    expect((await exported(p)).globals.carried).toEqual(["Balances", "Minted"]);
  });

  test("are removed on the other side if a message removed them, and stay as loaded if no message changed them", async () => {
    const program = `${TOKEN} Draft = { 1, 2 } Handlers.add("Clear", "Clear", function() Draft = nil end)`;
    const [from, to, third] = [await token(program), await token(program), await token(program)];
    await from.send({ From: STRANGER, Action: "Clear" });
    const first = await exported(from);
    await taken(to, first);
    expect(await to.value("Draft == nil")).toBe(true);
    expect((await exported(to)).digest).toBe(first.digest);
    // An earlier state is restored: what was not state then is as loaded.
    await mint(to);
    const none = await exported(third, { whole: true });
    expect(none.state).toEqual({ schema: 1, stateVersion: "1", states: {}, globals: {}, tables: [] });
    expect((await taken(to, none)).reply?.data.success).toBe(true);
    expect(await to.value("{ #Draft, Balances.owner, Minted == nil }")).toEqual([2, 100, true]);
    expect((await exported(to)).globals.carried).toEqual([]);
    // A state from before globals were handed over does not mention them: they stay.
    await mint(to);
    expect((await taken(to, await exported(third))).reply?.data.success).toBe(true);
    expect(await to.value("Balances.owner")).toBe(105);
  });

  test("are restored with the code of an earlier state, in place and in a new process", async () => {
    const p = await token();
    await mint(p);
    const { state, digest } = await exported(p);
    const then = { text: canonicalJson(state), digest };
    await mint(p);
    // Whatever the load makes of them: what was state has its value of that time.
    const source = `${NEXT}\nBalances = { owner = 1 }`;
    expect((await p.load({ source, state: then, version: "2.0.0" })).output).toContain("committed");
    expect(await p.value("{ Variant, Balances.owner, Minted }")).toEqual(["2.0", 105, 5]);
    expect((await exported(p)).digest).toBe(digest);
    const fresh = await token(source, { state: then });
    expect(await fresh.value("{ Variant, Balances.owner, Minted }")).toEqual(["2.0", 105, 5]);
    expect((await exported(fresh)).digest).toBe(digest);
    const bad = {
      text: canonicalJson({ ...state, globals: { Owner: "me" } }),
      digest: sha256(canonicalJson({ ...state, globals: { Owner: "me" } })),
    };
    expect((await p.load({ source, state: bad })).error).toContain("BAD_STATE: the global Owner");
    expect(await p.value("Balances.owner")).toBe(105);
  });

  test("are the declared ones and no others, which are reported", async () => {
    const p = await token(`${TOKEN}\nFLEET_STATE_GLOBALS = "Balances,Missing"`);
    await mint(p);
    expect((await exported(p)).globals).toMatchObject({ carried: ["Balances", "Missing"], left: ["Minted"] });
    expect(await p.value("FLEET_STATE_GLOBALS == nil")).toBe(true);
    // The declaration of the code that takes over applies.
    expect((await exported(p, { globals: ["Minted"] })).globals).toMatchObject({
      carried: ["Minted"],
      left: ["Balances"],
    });
    await p.load({ source: TOKEN });
    expect((await exported(p)).globals.carried).toEqual(["Balances", "Minted"]);
  });

  test("are all that a program had before the fleet, and nothing of aos'", async () => {
    const p = await boot("token", { bare: true, id: address("old-token") });
    await p.eval(TOKEN.replace("{ owner = 100 }", "{ owner = 107 }"));
    await p.send({ From: STRANGER, Action: "Unknown" });
    const loaded = await p.load({ source: NEXT, adopted: true });
    expect(loaded.output).toContain("committed");
    // Whether `Variant` was changed before is no longer known.
    expect((await exported(p)).globals.carried).toEqual(["Balances", "FEE", "Variant"]);
    await mint(p);
    expect((await exported(p)).state.globals).toMatchObject({ Balances: { owner: 112 }, Minted: 5 });
  });

  test("include any name that the image itself does not have", async () => {
    const source = `Nonce = 0 Handlers.add("Set", "Set", function(msg) Nonce = msg.Data end)`;
    const [p, to] = [await token(source), await token(source)];
    expect((await exported(p)).globals.carried).toEqual([]);
    await p.send({ From: STRANGER, Action: "Set", Data: "7" });
    const sent = await exported(p);
    expect(sent.globals.carried).toEqual(["Nonce"]);
    expect((await taken(to, sent)).reply?.data.success).toBe(true);
    expect(await to.value("Nonce")).toBe("7");
    await p.load({ source: `${source} Other = 1` });
    expect(await p.value("Nonce")).toBe("7");
  });

  test("do not change after the export, because the process refuses requests whatever the program matches", async () => {
    const p = await token();
    await mint(p);
    await p.send({ Action: "DRAIN", Epoch: "1" });
    const before = await exported(p);
    expect((await mint(p)).reply?.data.error?.code).toBe("DRAINING");
    for (const more of [{ Action: "Eval" }, { Action: "Noted-Response" }, {}])
      await p.send({ From: STRANGER, Note: "x", Data: "Balances = {}", ...more });
    expect((await exported(p)).digest).toBe(before.digest);
  });

  test("exclude the pending work of a handler that waits for an answer, which is counted", async () => {
    const p = await token();
    await p.send({ From: STRANGER, Action: "Later" });
    await p.send({ Action: "DRAIN", Epoch: "1" });
    expect((await exported(p)).globals.waiting).toBe(1);
    await p.send({ From: STRANGER, Action: "Go" });
    expect((await exported(p)).globals.waiting).toBe(0);
    expect(await p.value("Balances.owner")).toBe(1000);
  });
});

describe("a handler that has waited for 30 s", () => {
  const old = async (p: Aos) => (await exported(p)).globals.old;
  const go = async (p: Aos) => (await p.send({ From: STRANGER, Action: "Go" })).reply?.data.error?.code;

  test("is named, and gets no message while the process refuses requests; it does after a hand-over that failed", async () => {
    const p = await token();
    const begun = p.message({ From: STRANGER, Action: "Later" });
    p.slot -= 1;
    await p.send({ From: STRANGER, Action: "Later", Timestamp: p.now });
    await p.send({ Action: "DRAIN", Epoch: "1", Timestamp: begun.Timestamp + 29_999 });
    p.now -= 1000;
    expect((await exported(p)).globals).toMatchObject({ waiting: 1 });
    expect(await old(p)).toEqual({ count: 1, items: [{ id: begun.Id, ms: 30_999 }] });
    const { digest } = await exported(p);
    expect(await go(p)).toBe("DRAINING");
    // An earlier time of the scheduler makes it no younger.
    await p.send({ From: STRANGER, Action: "Go", Timestamp: begun.Timestamp + 1000 });
    expect((await exported(p)).digest).toBe(digest);
    await p.send({ Action: "RESUME", Epoch: "1" });
    expect(await go(p)).toBeUndefined();
    expect(await p.value("Balances.owner")).toBe(1000);
    expect((await exported(p)).globals).toMatchObject({ waiting: 0 });
  });

  test("is younger before, and then gets its message", async () => {
    const p = await token();
    await p.send({ From: STRANGER, Action: "Later" });
    await p.send({ Action: "DRAIN", Epoch: "1", Timestamp: p.now + 27_000 });
    expect(await old(p)).toBeUndefined();
    await go(p);
    expect(await p.value("Balances.owner")).toBe(1000);
  });

  test("ends when the state comes back from another process", async () => {
    const p = await token();
    await p.send({ From: STRANGER, Action: "Later" });
    await p.send({ Action: "DRAIN", Epoch: "1", Timestamp: p.now + 60_000 });
    expect((await taken(p, await exported(p, { whole: true }))).reply?.data.success).toBe(true);
    expect((await exported(p)).globals).toMatchObject({ waiting: 0 });
    await p.send({ Action: "RESUME", Epoch: "1" });
    await go(p);
    expect(await p.value("Balances.owner")).toBe(100);
  });

  test("is also one that is resumed and waits again, once the process has refused requests for as long", async () => {
    const p = await token(`Rounds = 0
Handlers.add("Loop", "Loop", function() while true do Receive({ Action = "Go" }) Rounds = Rounds + 1 end end)`);
    const from = p.now + 1000;
    await p.send({ From: STRANGER, Action: "Loop" });
    // Its second answer may be under way, whatever the first one took.
    await p.send({ From: STRANGER, Action: "Go", Timestamp: from + 90_000 });
    await p.send({ Action: "DRAIN", Epoch: "1" });
    const drained = p.now;
    expect((await exported(p)).globals).toMatchObject({ waiting: 1 });
    expect(await old(p)).toBeUndefined();
    await p.send({ From: STRANGER, Action: "Go", Timestamp: drained + 28_000 });
    await p.send({ Action: "DRAIN", Epoch: "1" });
    expect(await old(p)).toMatchObject({ count: 1, items: [{ ms: p.now - from }] });
    await go(p);
    expect(await p.value("Rounds")).toBe(2);
  });
});

test("a handler for one message that the program registers at load is not pending work; one that a message registers is", async () => {
  const source = (edition: number) => `-- ${edition}
Handlers.once({ Action = "Begin" }, function(msg) Started = true end)
Handlers.add("Later", "Later", function(msg) Handlers.once({ Action = "Go" }, function() Gone = msg.From end) end)`;
  const p = await boot("once", { source: source(1) });
  const waiting = async () => (await exported(p)).globals.waiting;
  expect(await waiting()).toBe(0);
  await p.send({ From: STRANGER, Action: "Later" });
  expect(await waiting()).toBe(1);
  expect((await p.load({ source: source(2) })).error).toBeUndefined();
  expect(await waiting()).toBe(1);
  await p.send({ From: STRANGER, Action: "Go" });
  await p.send({ From: STRANGER, Action: "Begin" });
  expect(await waiting()).toBe(0);
  expect(await p.value("{ Started, Gone }")).toEqual([true, STRANGER]);
});

describe("state that cannot be handed over is refused by its path", () => {
  test.each([
    ["S = { deep = { f = print } }", "S.deep.f is a function"],
    ["S = coroutine.create(print)", "S is a thread"],
    ["S = io.stdout", "S is a userdata"],
    ["S = { setmetatable({}, { __index = {} }) }", "S[1] has a metatable"],
    ["S = { ['a b'] = { [{}] = 1 } }", 'S["a b"] has a key that is a table'],
    ["utils.add = nil utils.sub = print", "utils.sub is a function"],
    ["_G[7] = 1", "a global whose name is a number"],
  ])("%s", async (lua, text) => {
    const p = await token();
    await p.eval(lua);
    expect(await refused(p)).toContain(`EXPORT_UNSUPPORTED: ${text}`);
  });

  test("also in the library's states", async () => {
    const p = await boot("lib", {
      source: `local fleet = require("fleet") fleet.process { name = "lib" } S = nil
        local s = fleet.state("s", {}) fleet.on("BREAK", {}, function() s.a = { b = setmetatable({}, {}) } end)`,
    });
    await p.send({ Action: "BREAK", Data: {} });
    expect(await refused(p)).toContain("s.a.b has a metatable");
  });

  test("for code that gave the global behaviour: it stays as before", async () => {
    const [from, to] = [
      await token(),
      await token(`${NEXT}\nsetmetatable(Balances, { __index = function() return 0 end })`),
    ];
    await mint(from);
    const answer = await taken(to, await exported(from));
    expect(answer.reply?.data.error?.message).toContain("Balances has a metatable");
    expect(await to.value("{ Balances.owner, Minted == nil }")).toEqual([100, true]);
  });

  test("for aos' own names, and for a changed text", async () => {
    const p = await token();
    await mint(p);
    const { state } = await exported(p);
    for (const name of ["Owner", "Handlers", "Inbox", "print", "Fleet", "ao"]) {
      const forged = { ...state, globals: { [name]: 1 } };
      const answer = await taken(p, { state: forged, digest: sha256(canonicalJson(forged)) });
      expect(answer.reply?.data.error?.code).toBe("BAD_STATE");
    }
    const forged = { ...state, globals: { Balances: { owner: 1 } } };
    expect((await taken(p, { state: forged, digest: "0".repeat(64) })).reply?.data.error?.code).toBe(
      "DIGEST_MISMATCH",
    );
    expect(await p.value("Balances.owner")).toBe(105);
  });
});

describe("a hand-over preserves", () => {
  let from: Aos;
  let to: Aos;
  beforeAll(async () => {
    from = await token();
    to = await token();
  }, 60_000);
  afterAll(async () => {
    await from.drop();
    await to.drop();
  });

  test("any plain data: kinds of numbers, bytes, keys, shared tables, cycles, big integers", async () => {
    await fc.assert(
      fc.asyncProperty(tables, tables, scalar, async (a, b, c) => {
        const values = (name: string, lines: string[]) => `do ${lines.join("\n")} ${name} = t[1] end`;
        const made = `${values("A", a)}\n${values("B", b)}\nC = ${c}\nD = A\nBalances = { owner = B }`;
        expect((await from.eval(made)).error).toBeUndefined();
        // With any earlier content on the other side.
        expect((await to.eval(values("A", b))).error).toBeUndefined();
        const sent = await exported(from);
        const answer = (await taken(to, sent)).reply?.data;
        expect(answer).toEqual({ success: true, digest: sent.digest });
        expect((await exported(to)).digest).toBe(sent.digest);
        const wanted = made.replace(/(^|\n)(do|C =|D =|Balances =)/g, "$1$2");
        const check = `${SAME}\nlocal got = { A, B, C, D, Balances }\n${wanted}\nreturn tostring(same(got, { A, B, C, D, Balances }, {}))`;
        expect((await to.eval(check)).output).toBe("true");
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  test("a chain of 3,000 tables, and 5,000 balances", async () => {
    await from.eval(`A = {} local at = A for i = 1, 3000 do at.next = { n = i } at = at.next end B = {}
      for i = 1, 5000 do B["address-" .. i] = tostring(i * 1000000007) end`);
    const sent = await exported(from);
    expect((await taken(to, sent)).reply?.data.digest).toBe(sent.digest);
    const check = `local n, at = 0, A while at.next do at = at.next n = n + at.n end return n .. " " .. B["address-4999"]`;
    expect((await to.eval(check)).output).toBe("4501500 4999000034993");
  }, 60_000);
});
