import { expect, test } from "vitest";
import { type Aos, address, type BootOptions, boot, DEVICES, OWNER, type SendResult } from "./aos.ts";
import { program } from "./compose.ts";

/** What a program publishes on a HyperBEAM node by its declaration: `publish: ["Balances"]`, which the bundle passes as a global. */

const USER = address("user");
const NODE = { Variant: "ao.N.1" };
const TOKEN = `FLEET_PUBLISH = "Balances,Supply,notes,Missing"
Balances = Balances or { bank = 100 }
Supply = Supply or 100
Handlers.add("move", "Move", function(msg)
  Balances.bank = Balances.bank - 1
  Balances[msg.To or msg.From] = (Balances[msg.To or msg.From] or 0) + 1
  msg.reply({ Data = "moved" })
end)
Handlers.add("run", "Run", function(msg) load(msg.Data)() msg.reply({ Data = "ran" }) end)
`;

/** Tags of a patch that are no part of what it publishes. */
const PROTOCOL = new Set(["device", "Data-Protocol", "Variant", "Type", "Reference"]);
type Keys = Readonly<Record<string, unknown>>;
/** What an outbox publishes besides what the library publishes of itself. */
const keysIn = ({ patches }: SendResult): Keys =>
  Object.fromEntries(
    patches
      .flatMap(({ Tags }) => Tags.filter(({ name }) => !PROTOCOL.has(name) && name !== "fleet"))
      .map(({ name, value }) => [name, value as unknown]),
  );

/** The state that the library publishes of the process. */
function stateIn({ patches }: SendResult): { readonly unpublished?: unknown } {
  const parts = patches.flatMap(({ Tags }) => Tags.filter(({ name }) => name === "fleet"));
  const { state = "{}" } = (parts[0]?.value ?? {}) as { readonly state?: string };
  return JSON.parse(state);
}

async function load(p: Aos, source: string, epoch = 1): Promise<SendResult> {
  const result = await p.eval(await program("token", { source, epoch, repeats: true }));
  expect([result.error, result.output.includes("committed")]).toEqual([undefined, true]);
  return result;
}
const bare = (on: BootOptions) => boot("token", { bare: true, tags: NODE, ...on });
const run = (p: Aos, lua: string) => p.send({ From: OWNER, Action: "Run", Data: lua });

test.each(DEVICES)(
  "a load publishes what is declared, and a message only the members that it changed (%s)",
  async (_, on) => {
    const p = await bare(on);
    expect(keysIn(await load(p, TOKEN))).toEqual({ Balances: { bank: 100 }, Supply: 100 });
    const moved = await p.send({ From: USER, Action: "Move" });
    expect(moved.reply?.text).toBe("moved");
    expect(keysIn(moved)).toEqual({ Balances: { bank: 99, [USER]: 1 } });
    expect(keysIn(await p.send({ From: USER, Action: "Info" }))).toEqual({});
    expect(keysIn(await p.eval("Supply = 7 return 'set'"))).toEqual({ Supply: 7 });
    expect(await p.value("FLEET_PUBLISH == nil")).toBe(true);
    await p.drop();
  },
);

test.each(DEVICES)(
  "what is gone becomes empty, and a later program publishes its own names (%s)",
  async (_, on) => {
    const p = await bare(on);
    await load(p, TOKEN);
    expect(keysIn(await run(p, "Balances.bank = nil Balances.new = true"))).toEqual({
      Balances: { bank: "", new: true },
    });
    expect(keysIn(await run(p, "Balances = 'closed'"))).toEqual({ Balances: "closed" });
    expect(keysIn(await run(p, "Balances = { a = { deep = { 1, 2 } } } Supply = 5"))).toEqual({
      ...{ Balances: { a: '{"deep":[1,2]}' }, Supply: 5 },
    });
    expect(keysIn(await run(p, "Supply = nil"))).toEqual({ Supply: "" });
    expect(keysIn(await run(p, "Supply = 6"))).toEqual({ Supply: 6 });
    expect(keysIn(await load(p, TOKEN.replace("Balances,Supply,notes,Missing", "Supply"), 2))).toEqual({
      Balances: { a: "" },
    });
    expect(keysIn(await run(p, "Balances.a = 5"))).toEqual({});
    await p.drop();
  },
);

test.each(DEVICES)("a table of fleet.state is published by its name (%s)", async (_, on) => {
  const source = `FLEET_PUBLISH = "notes"
local fleet = require("fleet")
fleet.process { name = "token", version = "1.0.0" }
local S = fleet.state("notes", { n = 0 })
fleet.on("ADD", {}, function(data) S.n = S.n + 1 if data.fail then error("boom") end return {} end)`;
  const p = await bare(on);
  expect(keysIn(await load(p, source))).toEqual({ notes: { n: 0 } });
  expect(keysIn(await p.send({ From: USER, Action: "ADD" }))).toEqual({ notes: { n: 1 } });
  // The change was undone.
  expect(keysIn(await p.send({ From: USER, Action: "ADD", Data: { fail: true } }))).toEqual({});
  await p.drop();
});

test.each(DEVICES)(
  "members that a stranger chooses cannot become parts of the node's message (%s)",
  async (_, on) => {
    const p = await bare(on);
    await load(p, TOKEN);
    for (const To of [
      ...["device", "Path", "commitments", "ao-types", "set-mode", "signature", "Body", "status", "Location"],
      ...["a/b", "x+link", "...", "a.b", "a+b", "a b", "é", `${"long".repeat(40)}`],
    ]) {
      const { Balances } = keysIn(await p.send({ From: USER, Action: "Move", To }));
      expect([To, Object.keys(Balances as object)]).toEqual([To, ["bank"]]);
    }
    await p.drop();
  },
);

test.each(DEVICES)("values that cannot be written as they are never fail a message (%s)", async (_, on) => {
  const p = await bare(on);
  await load(p, TOKEN);
  const result = await run(
    p,
    `Balances = {
      big = 9007199254740993, float = 0.1, nan = 0/0, fn = print, bad = "\\xff\\xfe", long = ("x"):rep(5000), off = false,
      loop = {}, [7] = "seven", [true] = "dropped",
    }
    Balances.loop.self = Balances.loop`,
  );
  expect([result.error, result.reply?.text]).toEqual([undefined, "ran"]);
  expect(keysIn(result).Balances).toEqual({
    ...{ bank: "", big: "9007199254740993", float: "0.1", bad: "??", off: false, "7": "seven" },
  });
  expect(keysIn(await p.send({ From: USER, Action: "Info" }))).toEqual({});
  await p.drop();
});

test.each(DEVICES)(
  "many changes are published over several messages, and a table that is too large not at all (%s)",
  async (_, on) => {
    const p = await bare(on);
    await load(p, TOKEN);
    const first = keysIn(
      await run(p, 'Balances = {} for i = 1, 1500 do Balances["k" .. i] = ("v"):rep(100) end'),
    );
    const second = keysIn(await p.send({ From: USER, Action: "Info" }));
    const third = keysIn(await p.send({ From: USER, Action: "Info" }));
    const fourth = keysIn(await p.send({ From: USER, Action: "Info" }));
    const members = [first, second, third, fourth].map((keys) =>
      Object.keys((keys.Balances ?? {}) as object),
    );
    expect(members.every((each) => each.length < 700)).toBe(true);
    expect(new Set(members.flat().filter((name) => name !== "bank")).size).toBe(1500);
    expect(members.at(-1)).toEqual([]);
    const large = await run(p, 'for i = 1, 3000 do Balances["more" .. i] = i end');
    expect([large.reply?.text, keysIn(large)]).toEqual([
      "ran",
      { Balances: "not published: more than 2000 members" },
    ]);
    expect(stateIn(large).unpublished).toEqual(["Balances"]);
    const { data } = (await p.send({ From: OWNER, Action: "LOGS" })).reply ?? {};
    expect(JSON.stringify(data)).toContain("Balances has more than 2000 members");
    expect(keysIn(await run(p, "Balances.k1 = 7"))).toEqual({});
    const small = await run(p, "Balances = { bank = 1 }");
    expect([keysIn(small), stateIn(small).unpublished]).toEqual([{ Balances: { bank: 1 } }, []]);
    await p.drop();
  },
);

test.each(DEVICES)(
  "a table that changes between too many members and fewer is never published in part (%s)",
  async (_, on) => {
    const p = await bare(on);
    await load(p, TOKEN);
    const many = 'Balances = {} for i = 1, 2001 do Balances["k" .. i] = i end';
    const few = 'Balances = {} for i = 1, 1500 do Balances["k" .. i] = ("v"):rep(100) end';
    const tooMany = { Balances: "not published: more than 2000 members" };
    expect(keysIn(await run(p, many))).toEqual(tooMany);
    // Not all of it fits into one message.
    const part = Object.keys(keysIn(await run(p, few)).Balances as object).length;
    expect(part > 0 && part < 1500).toBe(true);
    expect(keysIn(await run(p, many))).toEqual(tooMany);
    expect(keysIn(await run(p, 'Balances = { big = ("v"):rep(5000) }'))).toEqual({ Balances: "" });
    await p.drop();
  },
);

test.each(DEVICES)(
  "of names that differ only in case, which are one key to a node, none is published (%s)",
  async (_, on) => {
    const p = await bare(on);
    await load(p, TOKEN);
    const move = async (To: string) => keysIn(await p.send({ From: USER, Action: "Move", To }));
    expect(await move("Alice")).toEqual({ Balances: { bank: 99, Alice: 1 } });
    expect(await move("alice")).toEqual({ Balances: { bank: 98, Alice: "" } });
    expect(await move("ALICE")).toEqual({ Balances: { bank: 97 } });
    expect(keysIn(await run(p, "Balances.alice = nil Balances.ALICE = nil"))).toEqual({
      Balances: { Alice: 1 },
    });
    // A value under the other name replaces the one before: it must not be emptied in the same patch.
    expect(keysIn(await run(p, "Balances.Alice = nil Balances.aLICE = 2"))).toEqual({
      Balances: { aLICE: 2 },
    });
    expect(keysIn(await run(p, "Balances.aLICE = nil"))).toEqual({ Balances: { aLICE: "" } });
    expect(keysIn(await run(p, 'Balances = { [7] = "n", ["7"] = "s" }'))).toEqual({ Balances: { bank: "" } });
    await p.drop();
  },
);

test.each(DEVICES)("a member that is too large is not written to find out that it is (%s)", async (_, on) => {
  const visits = async (publish: string) => {
    const p = await bare(on);
    await load(p, TOKEN.replace("Balances,Supply,notes,Missing", publish));
    await run(
      p,
      `Visits = 0
      local function counted(t)
        return setmetatable(t, { __pairs = function(of) Visits = Visits + 1 return next, of end })
      end
      Balances = { bank = 100, big = {}, deep = counted({}) }
      for i = 1, 5000 do Balances.big[i] = counted({ i }) end
      local at = Balances.deep
      for i = 1, 70 do at.next = counted({}) at = at.next end`,
    );
    const before = Number(await p.value("Visits"));
    const result = await p.send({ From: USER, Action: "Move" });
    expect(result.reply?.text).toBe("moved");
    const after = Number(await p.value("Visits"));
    await p.drop();
    return [after - before, keysIn(result)] as const;
  };
  const [without] = await visits("Supply");
  expect(await visits("Balances")).toEqual([without, { Balances: { bank: 99, [USER]: 1 } }]);
});

test("nothing is published on legacy units, and the declaration leaves no global", async () => {
  const p = await boot("token", { bare: true });
  expect(keysIn(await load(p, TOKEN))).toEqual({});
  expect(keysIn(await p.send({ From: USER, Action: "Move" }))).toEqual({});
  expect(await p.value("FLEET_PUBLISH == nil")).toBe(true);
  await p.drop();
});
