/** A state that is too large for one message leaves and enters a process in parts. */
import { beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { partsOf } from "../../src/fleet/snapshot/parts.ts";
import { type Aos, address, boot } from "./aos.ts";
import { ask, fill, headerOf, inParts, send } from "./in-parts.ts";

const PROGRAM = `
local fleet = require("fleet")
fleet.process { name = "large", processType = "LARGE", version = "1.0.0" }
local S = fleet.state("accounts", { byId = {}, odd = {} })
Book = Book or {}
fleet.on("SET", {}, function(data) S.byId[data.key] = { n = 1 } return {} end)
fleet.on("LOOK", { readonly = true }, function(data) return { account = S.byId[data.key] } end)
fleet.invariant("no minus", function() return S.odd.minus == nil, "minus" end)
Handlers.add("write", "Write", function(msg) Book.written = msg.From end)
local function early(msg)
  if msg.Action ~= "Early" then return false end
  Tried = (Tried or 0) + 1
  return true
end
Handlers.add("front", "Front", function() Handlers.prepend("early", early, function(msg) Book.early = msg.From end) end)
Handlers.add("wait", "Wait", function() Book.got = Receive({ Action = "Go" }).From end)
`;

/** Every kind of value that an export carries, at a size that needs several parts. */
const FILL = `
local S = Fleet.store.states.accounts
for i = 1, 1900 do S.byId["account-" .. i] = { n = i, tags = { "a", "b", ("x"):rep(60) }, empty = {}, none = Fleet.object() } end
S.list = {} for i = 1, 2000 do S.list[i] = { i, ("y"):rep(20) } end
S.odd = { [3] = "three", [-1] = "minus one", x = "mixed", [1.5] = true, [true] = "yes" }
S.sparse = {} for i = 1, 1500 do S.sparse[i * 2] = ("z"):rep(20) end
S.big, S.small, S.inf, S.float, S.text = math.maxinteger, math.mininteger, -math.huge, 0.1, "\\0\\t\\"é\\u{1F600}"
S["__int"] = "not an escape"
Book = { name = "book" }
local shared = { deep = { 1, 2, 3 } }
for i = 1, 2000 do Book["page-" .. i] = { n = i * 1.0, text = ("w"):rep(30), bytes = "\\xff\\0", of = i % 500 == 0 and shared or nil } end
Book.self, Book.shared = Book, shared
Book.large = {} for i = 1, 1000 do Book.large[i] = ("v"):rep(40) end
Book.again = Book.large`;

const [OTHER, STRANGER] = [address("other"), address("stranger")];
let full: Aos;

beforeAll(async () => {
  full = await boot("large", { source: PROGRAM });
  expect((await full.eval(FILL)).error).toBeUndefined();
}, 60_000);

test("what arrives in parts has the digest of the export in one piece, and the copy of it, too", async () => {
  const whole = (await full.send({ Action: "EXPORT_STATE", Data: { whole: true } })).reply?.data;
  const { state, digest, sizes } = await inParts(full);
  expect(sizes.length).toBeGreaterThan(2);
  expect(Math.max(...sizes)).toBeLessThan(300_000);
  expect(digest).toBe(whole?.digest);
  const to = await boot("copy", { source: PROGRAM });
  await fill(to, state);
  expect((await to.send({ Action: "EXPORT_STATE", Data: { whole: true } })).reply?.data.digest).toBe(digest);
  expect((await inParts(to)).digest).toBe(digest);
  const kept = `(function() local S = Fleet.store.states.accounts return { S.odd[true], S.big == math.maxinteger, S.list[2000][1],
    math.type(Book["page-1"].n), rawequal(Book.self, Book), rawequal(Book.again, Book.large), rawequal(Book["page-500"].of, Book.shared) } end)()`;
  expect(await to.value(kept)).toEqual(["yes", true, 2000, "float", true, true, true]);
  await to.drop();
});

test("an export that has ended keeps its last part, and none of the tables that it read", async () => {
  const p = await full.clone();
  let part = (await ask(p, 1))?.part;
  while (part && !part.isLast) part = (await ask(p, part.n + 1, part.id))?.part;
  expect(part && (await ask(p, part.n, part.id))?.part).toEqual(part);
  await p.eval(`local S = Fleet.store.states.accounts
    Kept = setmetatable({ [Book] = "global", [Book.shared] = "shared", [S.list] = "state" }, { __mode = "k" })
    Book, S.list = nil, nil`);
  await p.eval("collectgarbage('collect')");
  expect(
    await p.value(
      "(function() local of = {} for _, v in pairs(Kept) do of[#of + 1] = v end return of end)()",
    ),
  ).toEqual([]);
});

test("a small state comes in one piece, also to a caller that can read parts", async () => {
  const small = await boot("small", { source: PROGRAM });
  const reply = await ask(small, 1);
  expect(reply?.part).toBeUndefined();
  expect(sha256(canonicalJson(reply?.state))).toBe(reply?.digest);
  await small.drop();
});

describe("a change between two parts", () => {
  test.each([
    ["a request", { From: STRANGER, Action: "SET", Data: { key: "new" } }],
    ["a handler of the program", { From: STRANGER, Action: "Write" }],
    ["a handler that a message put before the library's", { From: STRANGER, Action: "Early" }],
    ["a handler that waits", { From: STRANGER, Action: "Go" }],
    ["an Eval of the owner", { Action: "Eval", Data: "Book.name = 'other'" }],
    ["another export", { Action: "EXPORT_STATE", Data: { part: { n: 1 } } }],
  ])("is noticed: %s", async (_name, message) => {
    const p = await full.clone();
    for (const Action of ["Front", "Wait"]) await p.send({ From: STRANGER, Action });
    const first = (await ask(p, 1))?.part;
    expect((await ask(p, 2, first?.id))?.part?.n).toBe(2);
    await p.send(message);
    expect((await ask(p, 3, first?.id))?.error?.code).toBe("STATE_CHANGED");
    expect((await ask(p, 2, first?.id))?.error?.code).toBe("STATE_CHANGED");
    await p.drop();
  });

  test("is what strangers cannot cause by requests that change nothing, or that a draining process refuses", async () => {
    const p = await full.clone();
    for (const Action of ["Front", "Wait"]) await p.send({ From: STRANGER, Action });
    await p.send({ Action: "DRAIN", Epoch: "1" });
    const first = (await ask(p, 1))?.part;
    for (const Action of [
      "SET",
      "LOOK",
      "Info",
      "HEALTH_CHECK",
      "Unknown",
      "Write",
      "Early",
      "IMPORT_STATE",
      "EXPORT_STATE",
    ])
      await p.send({ From: STRANGER, Action, Data: { key: "new", part: { n: 1 } } });
    expect((await ask(p, 2, first?.id))?.part?.n).toBe(2);
    // The answer was lost: the same part again.
    expect((await ask(p, 2, first?.id))?.part?.chain).toBe((await ask(p, 2, first?.id))?.part?.chain);
    await p.drop();
  });

  test("is not what a handler before the library's makes while the process drains, but what one that waits makes", async () => {
    const p = await full.clone();
    for (const Action of ["Front", "Wait"]) await p.send({ From: STRANGER, Action });
    await p.send({ Action: "DRAIN", Epoch: "1" });
    const early = await p.send({ From: STRANGER, Action: "Early" });
    expect(early.reply?.data.error?.code).toBe("DRAINING");
    expect(await p.value("Tried == nil and Book.early == nil")).toBe(true);
    const first = (await ask(p, 1))?.part;
    await p.send({ From: STRANGER, Action: "Go" });
    expect((await ask(p, 2, first?.id))?.error?.code).toBe("STATE_CHANGED");
    expect(await p.value("Book.got")).toBe(STRANGER);
    await p.drop();
  });
});

describe("an import in parts", () => {
  let state: Record<string, unknown>;
  let to: Aos;
  beforeAll(async () => {
    ({ state } = await inParts(full));
    to = await boot("target", { source: PROGRAM });
    await to.send({ From: OTHER, Action: "SET", Data: { key: "mine" } });
  });
  const account = async (key: string) =>
    (await to.send({ From: OTHER, Action: "LOOK", Data: { key } })).reply?.data.account;

  test("changes nothing before its last part, takes a part twice, and no other than the next", async () => {
    const [first, second, third] = [...partsOf(state)].map((part) => ({
      ...part,
      id: "b",
      header: headerOf(state),
    }));
    expect((await send(to, second ?? {})).reply?.data.error?.code).toBe("PART_MISSING");
    const taken = (await send(to, first ?? {})).reply?.data.part;
    expect((await send(to, first ?? {})).reply?.data.part).toEqual(taken);
    expect((await send(to, { ...second, text: "[]" })).reply?.data.error?.code).toBe("DIGEST_MISMATCH");
    expect((await send(to, second ?? {})).reply?.data.error?.code).toBe("PART_MISSING");
    await send(to, first ?? {});
    await send(to, second ?? {});
    expect((await send(to, { ...third, n: 4 })).reply?.data.error?.code).toBe("PART_MISSING");
    const twice = '[["s",[],[["x",{}],["x",{}]],"o"]]';
    await send(to, first ?? {});
    const bad = await send(to, { id: "b", n: 2, text: twice, digest: sha256(twice), isLast: false });
    expect(bad.reply?.data.error?.code).toBe("BAD_STATE");
    expect(await account("mine")).toEqual({ n: 1 });
    expect(await account("account-1")).toBeUndefined();
  });

  test("is undone as a whole if the program refuses what it brought, and can be sent again", async () => {
    // A key that has a meaning in JSON makes pairs of the state.
    const { accounts } = state.states as { accounts: { __pairs: [string, unknown][] } };
    const __pairs = accounts.__pairs.map(([key, value]) => [key, key === "odd" ? { minus: 1 } : value]);
    const broken = { ...state, states: { accounts: { __pairs } } };
    const parts = [...partsOf(broken)];
    for (const part of parts.slice(0, -1)) await send(to, { ...part, id: "c", header: headerOf(state) });
    const last = await send(to, { ...parts.at(-1), id: "c" });
    expect(last.reply?.data.error?.code).toBe("INVARIANT_BROKEN");
    expect(await account("mine")).toEqual({ n: 1 });
    expect(await to.value("Book.name == nil")).toBe(true);
    await fill(to, state, "d");
    expect(await account("mine")).toBeUndefined();
    expect(await account("account-7")).toMatchObject({ n: 7 });
  });
});
