import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER } from "./aos.ts";
import { COUNTER } from "./programs.ts";

/** Registers handlers as plain programs do, has functions of every kind, and changes its own handlers at run time. */
const PLAIN = `
Balances = Balances or { bank = 100 }
Token = { fee = function(n) return n end }
function Transfer(from, to, n) Balances[from] = (Balances[from] or 0) - n end
Handlers.add("legacy", { Action = "Legacy" }, function(msg) msg.reply({ Data = "legacy" }) end)
Handlers.add("later", Handlers.utils.hasMatchingTag("Action", "Grow"), function(msg)
  Handlers.add("grown" .. msg.Id, { Action = "Grown" }, function() end)
  Handlers.once("once" .. msg.Id, { Action = "Once" }, function() end)
  function Transfer() return msg.Id end
  Token.fee = function() return 2 end
end)
Handlers.add("mint", "Mint", function(msg) msg.reply({ Data = "minted" }) end)
Handlers.add("burn", Handlers.utils.hasMatchingTag("Action", "Burn"), function(msg) msg.reply({ Data = "burnt" }) end)
Handlers.add("shrink", { Action = "Shrink" }, function() Handlers.remove("legacy") end)
Handlers.add("asks", { Action = "Ask" }, function(msg)
  ao.send({ Target = msg.From, Action = "Question" })
  local answer = Receive({ Action = "Answer" })
  answer.reply({ Data = "thanks" })
end)
`;

interface Change {
  readonly kind: string;
  readonly change: string;
  readonly name: string;
}

async function changed(p: Aos): Promise<string[]> {
  const result = await p.send({ From: OWNER, Action: "Info" });
  expect(result.reply?.data.success).toBe(true);
  const list = result.reply?.data.changedByHand as readonly Change[];
  return Array.isArray(list) ? list.map(({ kind, change, name }) => `${kind} ${change} ${name}`.trim()) : [];
}

async function verdict(p: Aos): Promise<unknown> {
  return (await p.send({ From: OWNER, Action: "HEALTH_CHECK" })).reply?.data.healthStatus;
}

const BY_HAND: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "a handler's function replaced under its name, with the same pattern",
    'Handlers.add("mint", "Mint", function(msg) msg.reply({ Data = "nothing" }) end)',
    ["HANDLER CHANGED mint"],
  ],
  [
    "a pattern replaced by another one of aos' functions",
    'for _, h in ipairs(Handlers.list) do if h.name == "burn" then h.pattern = Handlers.utils.hasMatchingTag("Action", "Other") end end',
    ["HANDLER CHANGED burn"],
  ],
  [
    "a handler before the others",
    'Handlers.prepend("hack", { Action = "Legacy" }, function() end)',
    ["HANDLER ADDED hack"],
  ],
  [
    "a handler with a name like aos' own",
    'Handlers.prepend("_hack", { Action = "Legacy" }, function() end)',
    ["HANDLER ADDED _hack"],
  ],
  ["a handler removed", 'Handlers.remove("legacy")', ["HANDLER GONE legacy"]],
  [
    "aos' own handler removed, which aos puts back at the end",
    'Handlers.remove("_default")',
    ["HANDLER MOVED"],
  ],
  [
    "a handler's function replaced under its name",
    'Handlers.add("legacy", { Action = "Legacy" }, function() end)',
    ["HANDLER CHANGED legacy"],
  ],
  [
    "a handler's function wrapped",
    'for _, h in ipairs(Handlers.list) do if h.name == "legacy" then local f = h.handle h.handle = function(m) return f(m) end end end',
    ["HANDLER CHANGED legacy"],
  ],
  [
    "a pattern changed in place",
    'for _, h in ipairs(Handlers.list) do if h.name == "legacy" then h.pattern.Action = "Other" end end',
    ["HANDLER CHANGED legacy"],
  ],
  [
    "the order changed",
    'local l = Handlers.list for n, h in ipairs(l) do if h.name == "legacy" then table.insert(l, n + 1, table.remove(l, n)) break end end',
    ["HANDLER MOVED"],
  ],
  ["a global function overwritten", "function Transfer() end", ["FUNCTION CHANGED Transfer"]],
  ["a global function removed", "Transfer = nil", ["FUNCTION GONE Transfer"]],
  ["a function in a global table", "Token.fee = function() return 9 end", ["FUNCTION CHANGED Token.fee"]],
  ["a function of aos", "ao.spawn = function() end", ["FUNCTION CHANGED ao.spawn"]],
  ["a function of Lua", "string.reverse = string.lower", ["FUNCTION CHANGED string.reverse"]],
];

describe.each(["aos2_0_1.wasm", "aos2_0_3.wasm", "aos2_0_6.wasm"])("%s", (image) => {
  let base: Aos;
  beforeAll(async () => {
    base = await boot("plain", { source: PLAIN, image });
  }, 60_000);

  test("an integrity check reports no legitimate change: the program's own changes, awaited answers, Evals that read", async () => {
    const p = await base.clone();
    for (const Action of ["Grow", "Once", "Grown", "Ask", "Shrink", "Legacy", "Nothing"]) {
      await p.send({ From: address("user"), Action });
      expect(await changed(p)).toEqual([]);
    }
    await p.eval("Balances.bank = 90 return #Handlers.list");
    await p.send({ From: address("user"), Action: "Answer" });
    await p.eval("return 1 + 1");
    await p.eval('helper = function() return "of a console" end');
    expect(await changed(p)).toEqual([]);
    expect(await verdict(p)).toBe("HEALTHY");
  });

  // One image runs every row; images differ only in how aos makes its own handlers.
  test.each(BY_HAND.filter((_, n) => image === "aos2_0_3.wasm" || n < 6))(
    "it reports %s as UNHEALTHY, and the same load repairs it",
    async (_, lua, expected) => {
      const p = await base.clone();
      const before = await p.value("#Handlers.list");
      expect((await p.eval(lua)).error).toBeUndefined();
      expect(await changed(p)).toEqual(expected);
      expect(await changed(p)).toEqual(expected);
      expect(await verdict(p)).toBe("UNHEALTHY");
      const again = await p.load({ epoch: 2 });
      const report = JSON.parse(again.output.split("\n").at(-1) ?? "") as { repaired: Change[] };
      expect(report.repaired.map(({ kind, change, name }) => `${kind} ${change} ${name}`.trim())).toEqual(
        expected,
      );
      expect(await changed(p)).toEqual([]);
      expect(await verdict(p)).toBe("HEALTHY");
      expect(await p.value("#Handlers.list")).toBe(before);
      const answer = await p.send({ From: address("user"), Action: "Legacy" });
      expect(answer.messages.map(({ Data }) => Data)).toEqual(["legacy"]);
    },
  );

  test("it no longer reports what was undone by hand", async () => {
    const p = await base.clone();
    await p.eval('Kept = Transfer; Transfer = nil; Handlers.prepend("hack", { Action = "X" }, print)');
    expect(await changed(p)).toEqual(["FUNCTION GONE Transfer", "HANDLER ADDED hack"]);
    await p.eval('Transfer = Kept; Handlers.remove("hack")');
    expect(await changed(p)).toEqual([]);
  });

  test.each(["ao-fleet.first", "ao-fleet.last"])(
    "it reports the fleet's own handler %s removed",
    async (name) => {
      const p = await base.clone();
      await p.eval(`Handlers.remove("${name}")`);
      const info = await p.send({ From: OWNER, Action: "Fleet.Info" });
      expect(info.reply?.data.changedByHand).toEqual([{ kind: "HANDLER", change: "GONE", name }]);
      const again = await p.load({ epoch: 2 });
      expect(JSON.parse(again.output)).toMatchObject({ repaired: [{ kind: "HANDLER", name }] });
      expect(await changed(p)).toEqual([]);
      expect(await verdict(p)).toBe("HEALTHY");
    },
  );
});

test("an integrity check reports changed declarations of a fleet program: actions, checks and invariants", async () => {
  const p = await boot("counter", { source: COUNTER });
  await p.eval('require("fleet").on("PING", {}, function() return { pong = "hand" } end)');
  await p.eval('require("fleet").on("NEW", {}, function() return {} end)');
  await p.eval("Fleet.live.actions.ADD = nil Fleet.live.invariants = {}");
  expect(await changed(p)).toEqual([
    "ACTION GONE ADD",
    "ACTION ADDED NEW",
    "ACTION CHANGED PING",
    "INVARIANT GONE never below zero",
  ]);
  await p.load({ epoch: 2 });
  expect(await changed(p)).toEqual([]);
  const ping = await p.send({ From: OWNER, Action: "PING", Data: { x: 3 } });
  expect(ping.reply?.data.pong).toBe(3);
});
