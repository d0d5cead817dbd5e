/** What a load in place does to state from messages: the same as a hand-over to a new process. */
import { describe, expect, test } from "vitest";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { type Aos, address, boot } from "./aos.ts";
import { type ProgramOptions, program } from "./compose.ts";

const STRANGER = address("stranger");

/** A plain program: two lines for its state, one constant, nothing of the fleet. */
const notes = (state = "Notes = Notes or {}", constant = 'Ticker = "A"') => `
${state}
${constant}
Handlers.add("Add", "Add", function(msg)
  table.insert(Notes, msg.Data)
  Count = (Count or 0) + 1
end)
Handlers.add("List", "List", function(msg) msg.reply({ Data = table.concat(Notes, ",") }) end)
`;

let made = 0;
async function withNotes(source = notes(), more: object = {}): Promise<Aos> {
  const p = await boot("notes", { source, id: address(`notes-${made++}`), ...more });
  for (const note of ["milk", "eggs"]) await p.send({ From: STRANGER, Action: "Add", Data: note });
  return p;
}

async function load(p: Aos, source: string, more: ProgramOptions = {}) {
  const { output, error } = await p.load({ source, ...more });
  if (error !== undefined) throw new Error(error);
  const outcome = readLoadOutcome(output);
  if (outcome.kind !== "committed") throw new Error(output);
  const changes = (outcome.kept?.changes ?? []).map(({ kind, name, change, why }) =>
    [change, kind, name, ...(why === undefined ? [] : [why])].join(" "),
  );
  return { globals: outcome.kept?.globals, states: outcome.kept?.states, changes };
}
const list = (p: Aos) => p.value("table.concat(Notes, ',')");
const digest = async (p: Aos) => (await p.send({ Action: "EXPORT_STATE" })).reply?.data.digest;

describe("a load in place keeps state from messages", () => {
  test("restores a global that the code assigns again, and reports it; a constant has the new value", async () => {
    const p = await withNotes();
    const before = await digest(p);
    const found = await load(p, notes("Notes = {}", 'Ticker = "B"'));
    expect(found).toEqual({ globals: ["Count", "Notes"], states: [], changes: ["PUT_BACK GLOBAL Notes"] });
    expect(await list(p)).toBe("milk,eggs");
    expect(await p.value("Ticker")).toBe("B");
    expect(await digest(p)).toBe(before);
    // And at each load, because the code still assigns it.
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    await load(p, notes("Notes = {}", 'Ticker = "C"'));
    expect(await list(p)).toBe("milk,eggs,tea");
  });

  test("reports a global that the new code does not assign as kept, with nothing restored", async () => {
    const p = await withNotes();
    const found = await load(p, notes(undefined, 'Ticker = "B"'));
    expect(found).toEqual({ globals: ["Count", "Notes"], states: [], changes: [] });
  });

  test("including numbers, removed globals, and changes within a table", async () => {
    const p = await withNotes();
    const before = await digest(p);
    const found = await load(p, notes("Count = 0 Notes[1] = 'beer' Notes[2] = nil"));
    expect(found.changes).toEqual(["PUT_BACK GLOBAL Count", "PUT_BACK GLOBAL Notes"]);
    expect(await digest(p)).toBe(before);
    const next = await load(p, notes("Notes = nil Notes = Notes or {}"));
    expect(next.changes).toEqual(["PUT_BACK GLOBAL Notes"]);
    expect(await digest(p)).toBe(before);
  });

  test("in the same table that functions of the new code refer to", async () => {
    const p = await withNotes();
    await load(
      p,
      `local mine = { deep = {} }
       Notes = mine
       local deep = mine.deep
       Handlers.add("Add", "Add", function(msg) table.insert(mine, msg.Data) deep.last = msg.Data end)`,
    );
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    expect(await list(p)).toBe("milk,eggs,tea");
  });

  test("with tables that still share one another", async () => {
    const program = (state: string) => `${state}
      Handlers.add("Go", "Go", function() Notes.a = { n = 1 } Notes.self = Notes Index = Index or {} Index.a = Notes.a Index[Notes] = "root" end)`;
    const p = await boot("notes", { source: program("Notes = Notes or {}"), id: address("sharing") });
    await p.send({ From: STRANGER, Action: "Go" });
    const found = await load(p, program("Notes = { a = {} } Alias = Notes"));
    expect(found.changes).toEqual(["PUT_BACK GLOBAL Notes"]);
    expect(
      await p.value(
        "{ Notes.a.n, Notes.self == Notes, Index.a == Notes.a, Index[Notes], Alias == Notes, Notes.b == nil }",
      ),
    ).toEqual([1, true, true, "root", true, true]);
  });

  test("without filling tables that the new code uses elsewhere", async () => {
    const p = await boot("notes", {
      source: `Game = Game or { options = { speed = 1 } } Handlers.add("Fast", "Fast", function() Game.options = { speed = 9 } end)`,
      id: address("defaults"),
    });
    await p.send({ From: STRANGER, Action: "Fast" });
    await load(p, "DEFAULTS = { speed = 2 } Game = { options = DEFAULTS }");
    expect(await p.value("{ Game.options.speed, DEFAULTS.speed }")).toEqual([9, 2]);
  });

  test("with the new code's functions in a table that messages changed", async () => {
    const program = (state: string, by: number) => `${state}
      function Game.next() return Game.score + ${by} end
      Handlers.add("Go", "Go", function() Game.score = Game.next() end)`;
    const p = await boot("notes", {
      source: program("Game = Game or { score = 0 }", 1),
      id: address("game"),
    });
    await p.send({ From: STRANGER, Action: "Go" });
    const found = await load(p, program("Game = Game or { score = 0 }", 10));
    expect(found.changes).toEqual([]);
    expect(await p.value("Game.next()")).toBe(11);
    const again = await load(p, program("Game = { score = 0 }", 100));
    expect(again.changes).toEqual(["PUT_BACK GLOBAL Game"]);
    expect(await p.value("{ Game.score, Game.next() }")).toEqual([1, 101]);
  });

  test("with what the code adds to a table that it found, and reports it", async () => {
    const p = await withNotes();
    const found = await load(p, notes("Notes = Notes or {} Notes.index = Notes.index or {}"));
    expect(found.changes).toEqual(["ADDED GLOBAL Notes"]);
    expect(await p.value("type(Notes.index)")).toBe("table");
  });

  test("except a name that is a function now, and reports it", async () => {
    const p = await withNotes();
    const found = await load(p, "function Notes() end");
    expect(found).toMatchObject({ globals: ["Count"], changes: ["RESET GLOBAL Notes CODE"] });
    // It is no longer state: what remains can be kept and handed over.
    const { globals } = (await p.send({ Action: "EXPORT_STATE" })).reply?.data ?? {};
    expect(globals).toMatchObject({ carried: ["Count"], left: [] });
  });

  test("without changing the new code's big integers of aos", async () => {
    const program = (state: string) => `local bint = require(".bint")(256)
      ${state} Handlers.add("Go", "Go", function() Total = Total + bint(5) end)`;
    const p = await boot("notes", { source: program("Total = Total or bint(0)"), id: address("bint") });
    await p.send({ From: STRANGER, Action: "Go" });
    await load(p, program("ZERO = bint(0) Total = ZERO"));
    expect(await p.value("{ tostring(Total), tostring(ZERO) }")).toEqual(["5", "0"]);
  });

  test("in tables of fleet.state too, where a default applies the first time only", async () => {
    const program = (state: string) => `local fleet = require("fleet") fleet.process { name = "notes" }
      ${state} fleet.on("ADD", { who = "anyone" }, function(data) table.insert(S.list, data.note) end)`;
    const source = program('local S = fleet.state("notes", { list = {} })');
    const p = await boot("notes", { source, id: address("registered") });
    await p.send({ From: STRANGER, Action: "ADD", Data: { note: "milk" } });
    const before = await digest(p);
    expect(await load(p, program('local S = fleet.state("notes", { list = {}, more = 1 })'))).toEqual({
      globals: [],
      states: ["notes"],
      changes: [],
    });
    const found = await load(p, program('local S = fleet.state("notes", {}) S.list = {}'));
    expect(found.changes).toEqual(["PUT_BACK STATE notes"]);
    expect(await digest(p)).toBe(before);
    await p.send({ From: STRANGER, Action: "ADD", Data: { note: "eggs" } });
    expect(await p.value("Fleet.store.states.notes.list")).toEqual(["milk", "eggs"]);
  });

  test("with a bundle's constants that are set before the library", async () => {
    const p = await withNotes();
    const text = (await program("notes", { source: notes() })).replace("\ndo local", "\nCount = 0 do local");
    const outcome = readLoadOutcome((await p.eval(text)).output);
    expect(outcome).toMatchObject({ kept: { changes: [{ change: "PUT_BACK", name: "Count" }] } });
    expect(await p.value("Count")).toBe(2);
  });

  test("before a migration runs, which converts its shape", async () => {
    const p = await withNotes();
    const outcome = readLoadOutcome(
      (
        await p.load({
          source: `${notes()} local fleet = require("fleet")
            fleet.migrate { from = "1", to = "2", up = function() Notes = { list = Notes } end }`,
        })
      ).output,
    );
    expect(outcome).toMatchObject({ kept: { globals: ["Count", "Notes"], changes: [], migrations: 1 } });
    expect(await p.value("{ Notes.list[1], Notes.list[2] }")).toEqual(["milk", "eggs"]);
  });

  test("and a failing load leaves everything unchanged", async () => {
    const p = await withNotes();
    const before = await digest(p);
    expect((await p.load({ source: `${notes("Notes = {}")} error("no")` })).error).toContain("no");
    expect(await digest(p)).toBe(before);
    await load(p, notes("Notes = {}"));
    expect(await digest(p)).toBe(before);
  });
});

describe("globals with many entries", () => {
  /** A word list before the program's other globals in the alphabet, and one global that messages change. */
  const words = (edits: string, size = 21_000, buy = 5) => `
    Aaa = {} for i = 1, ${size} do Aaa[i] = "word " .. i end ${edits}
    Rates = { buy = ${buy} }
    Zz = Zz or { n = 0 }
    Handlers.add("Hit", "Hit", function() Zz.n = Zz.n + 1 end)
    Handlers.add("Word", "Word", function(msg) Aaa[2] = msg.Data end)`;
  const big = (edits: string, buy = 5) => words(edits, 210_000, buy);
  async function withWords(source: string): Promise<Aos> {
    const p = await boot("words", { source, id: address(`words-${made++}`) });
    await p.send({ From: STRANGER, Action: "Hit" });
    return p;
  }
  const seen = (p: Aos) => p.value("{ Aaa[1], Aaa[2], Rates.buy, Zz.n }");

  test("have the new code's value if no message changed them, and so have all others", async () => {
    const p = await withWords(words(""));
    const found = await load(p, words('Aaa[1] = "first"', 21_000, 9));
    expect(found).toEqual({ globals: ["Zz"], states: [], changes: [] });
    expect(await seen(p)).toEqual(["first", "word 2", 9, 1]);
    await p.send({ From: STRANGER, Action: "Word", Data: "two" });
    const next = await load(p, words('Aaa[1] = "other"', 21_000, 9));
    expect(next).toEqual({ globals: ["Aaa", "Zz"], states: [], changes: ["PUT_BACK GLOBAL Aaa"] });
    expect(await seen(p)).toEqual(["first", "two", 9, 1]);
  });

  test("that are too many to compare: the load is undone and names them, unless the code's value is the same", async () => {
    const p = await withWords(big(""));
    // The other globals are compared.
    expect((await load(p, big("", 9))).changes).toEqual([]);
    expect(await seen(p)).toEqual(["word 1", "word 2", 9, 1]);
    await p.send({ From: STRANGER, Action: "Word", Data: "two" });
    const refused = await p.load({ source: big('Aaa[1] = "first"', 9) });
    expect(refused.error).toContain('"code":"STATE_NOT_COMPARED"');
    expect(refused.error).toContain('"globals":["Aaa"]');
    expect(await seen(p)).toEqual(["word 1", "two", 9, 1]);
    const { carried, unknown } = ((await p.send({ Action: "EXPORT_STATE" })).reply?.data.globals ??
      {}) as Record<string, string[]>;
    expect([carried, unknown]).toEqual([["Aaa", "Zz"], ["Aaa"]]);
  });

  test.each([
    [
      "listed as state",
      'FLEET_STATE_GLOBALS = "Aaa,Zz"',
      {},
      ["word 1", "two", 5, 1],
      ["PUT_BACK GLOBAL Aaa"],
    ],
    [
      "not listed",
      'FLEET_STATE_GLOBALS = "Zz"',
      {},
      ["first", "word 2", 5, 1],
      ["RESET GLOBAL Aaa NOT_DECLARED"],
    ],
    ["lost with consent", "", { accepts: true }, ["first", "word 2", 5, 1], ["RESET GLOBAL Aaa ACCEPTED"]],
  ])(
    "that are too many to compare follow the declaration, or the run: %s",
    async (_, declared, more, values, changes) => {
      const p = await withWords(big(""));
      await p.send({ From: STRANGER, Action: "Word", Data: "two" });
      const source = `${declared}\n${big('Aaa[1] = "first"')}`;
      expect((await load(p, source, more)).changes).toEqual(changes);
      expect(await seen(p)).toEqual(values);
    },
  );

  test("that are too many to compare, and left as they are, stay unknown at the next load", async () => {
    const keeps = (edits: string) => `Aaa = Aaa or {} if #Aaa == 0 then ${big("")} end
      Zz = Zz or { n = 0 } Handlers.add("Word", "Word", function(msg) Aaa[2] = msg.Data end) ${edits}`;
    const p = await boot("words", { source: keeps(""), id: address(`words-${made++}`) });
    await p.send({ From: STRANGER, Action: "Word", Data: "two" });
    expect((await load(p, keeps("Edition = 2"))).globals).toEqual(["Aaa"]);
    expect((await p.load({ source: keeps("Aaa = { 1 }") })).error).toContain("STATE_NOT_COMPARED");
    expect(await p.value("Aaa[2]")).toBe("two");
  });
});

describe("state that messages keep in the code", () => {
  const BANK = `local bank = { fee = 1 } bank.balances = {} local total = 0
    function bank.deposit(who) bank.balances[who] = (bank.balances[who] or 0) + 1 total = total + 1 end
    return bank`;
  const FILES = { "bank.lua": BANK, "list.lua": "return {}", "quiet.lua": "return { kinds = { 'a' } }" };
  const bank = (
    more = "",
  ) => `local bank = require("bank") Db = require("list") local quiet = require("quiet")
    Notes = Notes or {}
    function Fee() return 1 end
    function Same() return 1 end
    Handlers.add("Deposit", "Deposit", function(msg) bank.deposit(msg.From) end)
    Handlers.add("Put", "Put", function(msg) Db[#Db + 1] = msg.Data end)
    Handlers.add("Swap", "Swap", function(msg)
      Fee = function() return 100 end
    end)
    Handlers.add("Mode", "Mode", function(msg) msg.reply({ Data = "normal" }) end)
    Handlers.add("Panic", "Panic", function()
      Handlers.add("Mode", "Mode", function(msg) msg.reply({ Data = "panic" }) end)
    end)
    Handlers.add("Subscribe", "Subscribe", function(msg)
      Handlers.add("sub-" .. msg.Data, { Action = "News", Topic = msg.Data }, function(m) m.reply({ Data = "got it" }) end)
    end)
    Handlers.add("Note", "Note", function(msg) table.insert(Notes, msg.Data) end)
    ${more}`;
  const withBank = (source = bank()) => boot("bank", { source, files: FILES, id: address(`bank-${made++}`) });
  const refusal = async (p: Aos, source = bank("Edition = 2"), more: ProgramOptions = {}) => {
    const { error, output } = await p.load({ source, files: FILES, ...more });
    if (error === undefined) return readLoadOutcome(output).kind;
    return JSON.parse(error.slice(error.indexOf("{"), error.lastIndexOf("}") + 1)) as unknown;
  };

  test.each([
    [
      "a table in a module",
      "Deposit",
      [{ kind: "MODULE", name: "bank" }],
      "require('bank').balances ~= nil and next(require('bank').balances) ~= nil",
    ],
    [
      "a module that is a list, with a global name",
      "Put",
      [{ kind: "MODULE", name: "list" }],
      "Db[1] == 'milk'",
    ],
    ["a function", "Swap", [{ kind: "FUNCTION", name: "Fee" }], "Fee() == 100"],
    ["a handler that is replaced", "Panic", [{ kind: "HANDLER", name: "Mode" }], "true"],
  ])(
    "%s: the load is undone and names it; a declaration, or a run that accepts it, lets it go",
    async (_, action, items, check) => {
      const p = await withBank();
      expect(await refusal(p)).toBe("committed");
      await p.send({ From: STRANGER, Action: action, Data: "milk" });
      expect(await refusal(p)).toEqual({ fleet: "refused", code: "STATE_IN_CODE", items });
      expect(await p.value(check)).toBe(true);
      const { code } = (await p.send({ Action: "EXPORT_STATE" })).reply?.data ?? {};
      expect(code).toMatchObject({ items: [{ ...items[0], change: "CHANGED" }], count: 1, notCompared: [] });
      const reset = `RESET ${items[0]?.kind} ${items[0]?.name}`;
      for (const [source, more, why] of [
        [`FLEET_STATE_GLOBALS = "Notes"\n${bank()}`, {}, "NOT_DECLARED"],
        [bank(), { keeps: false }, "NONE"],
        [bank(), { accepts: true }, "ACCEPTED"],
      ] as const) {
        const copy = await p.clone();
        expect((await load(copy, source, { files: FILES, ...more })).changes).toEqual([`${reset} ${why}`]);
        expect((await copy.send({ Action: "EXPORT_STATE" })).reply?.data.code).toMatchObject({ count: 0 });
        await copy.drop();
      }
    },
  );

  test("is not named if no message changed it, if the code keeps it, or if a global or a state carries it", async () => {
    const files = {
      "kept.lua": "Kept = Kept or { n = 0 } return Kept",
      "alias.lua":
        "Shared = Shared or {} return { of = Shared, named = require('fleet').state('s', { n = 0 }) }",
    };
    const source = (
      edition: number,
    ) => `local kept, alias = require("kept"), require("alias") Edition = ${edition}
      Handlers.add("Go", "Go", function() kept.n = kept.n + 1 alias.of.x = 1 alias.named.n = 5 end)`;
    const p = await boot("keeps", { source: source(1), files, id: address(`bank-${made++}`) });
    await p.send({ From: STRANGER, Action: "Go" });
    expect(await refusal(p, source(2), { files })).toBe("committed");
    expect(await p.value("{ Kept.n, Shared.x, Fleet.store.states.s.n }")).toEqual([1, 1, 5]);
  });

  test("stays with handlers that a message added, which an export names", async () => {
    const p = await withBank();
    await p.send({ From: STRANGER, Action: "Subscribe", Data: "tea" });
    const { code } = (await p.send({ Action: "EXPORT_STATE" })).reply?.data ?? {};
    expect(code).toMatchObject({ items: [{ kind: "HANDLER", name: "sub-tea", change: "ADDED" }] });
    expect(await refusal(p)).toBe("committed");
    expect((await p.send({ From: STRANGER, Action: "News", Topic: "tea" })).reply?.text).toBe("got it");
  });

  test("is not what an operator changed by hand, which the load reverts and reports", async () => {
    const p = await withBank();
    await p.eval('Fee = function() return 7 end Handlers.remove("Note")');
    await p.eval('Handlers.add("hack", "Hack", print) require("bank").deposit = print');
    expect((await p.send({ Action: "EXPORT_STATE" })).reply?.data.code).toMatchObject({ count: 0 });
    expect(await refusal(p)).toBe("committed");
    expect(await p.value("Fee()")).toBe(1);
  });
});

describe("the code's value applies", () => {
  test("with state: none, which resets the state and reports it", async () => {
    const p = await withNotes();
    const found = await load(p, notes("Notes = {}"), { keeps: false });
    expect(found).toEqual({ globals: [], states: [], changes: ["RESET GLOBAL Notes NONE"] });
    expect(await list(p)).toBe("");
  });

  test("to globals that the declaration does not name, and reports them; declared ones are kept, even a setting", async () => {
    const p = await withNotes();
    const found = await load(
      p,
      `FLEET_STATE_GLOBALS = "Notes,Ticker"\n${notes("Notes = {} Count = 0", 'Ticker = "B"')}`,
    );
    expect(found.globals?.sort()).toEqual(["Notes", "Ticker"]);
    expect(found.changes.sort()).toEqual([
      "PUT_BACK GLOBAL Notes",
      "PUT_BACK GLOBAL Ticker",
      "RESET GLOBAL Count NOT_DECLARED",
    ]);
    expect(await p.value("{ Ticker, Count }")).toEqual(["A", 0]);
  });

  test("of a global that was there before the library, it says that nothing shows who set it", async () => {
    const p = await boot("notes", { bare: true, id: address("older") });
    await p.eval(notes());
    await p.load({ source: notes(), adopted: true });
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    const { changes } = await load(p, notes("Notes = {}", 'Ticker = "B"'));
    expect(changes).toEqual(["PUT_BACK GLOBAL Notes OLDER", "PUT_BACK GLOBAL Ticker OLDER"]);
    expect(await p.value("Ticker")).toBe("A");
  });

  test("in a new process, which has nothing to keep", async () => {
    const p = await boot("notes", { bare: true, id: address("fresh") });
    const { output } = await p.load({ source: notes() });
    expect(output).toContain('"committed"');
    expect(output).not.toContain('"kept"');
  });
});

describe("a first load over another program", () => {
  test("keeps what was there, whoever set it, and says so", async () => {
    const p = await boot("notes", { bare: true, id: address("adopted") });
    await p.eval(`${notes()} Rules = { 1 }`);
    for (const note of ["milk", "eggs"]) await p.send({ From: STRANGER, Action: "Add", Data: note });
    const found = await load(p, notes("Notes = {} Rules[1] = 2 Fresh = 1", 'Ticker = "B"'), {
      adopted: true,
    });
    expect(found.changes).toEqual([
      "PUT_BACK GLOBAL Notes OLDER",
      "PUT_BACK GLOBAL Rules OLDER",
      "PUT_BACK GLOBAL Ticker OLDER",
    ]);
    expect(await list(p)).toBe("milk,eggs");
    expect(await p.value("{ Rules[1], Ticker, Fresh }")).toEqual([1, "A", 1]);
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    await load(p, notes("Notes = {}"));
    expect(await list(p)).toBe("milk,eggs,tea");
  });

  test("names a table of the earlier program whose name is used for code now, unless nothing of it is lost", async () => {
    const p = await boot("notes", { bare: true, id: address("adopted-code") });
    await p.eval(
      "Game = { players = { ann = 1 }, join = function() end } Lib = { version = 1, f = print } Bank = { ann = 5 }",
    );
    const code =
      "Game = { players = {}, join = print } Lib = { version = 1, f = print } Bank = { deposit = print }";
    const found = await load(p, code, { adopted: true });
    expect(found.changes.sort()).toEqual(["RESET GLOBAL Bank CODE", "RESET GLOBAL Game CODE"]);
  });

  test("uses the code's values of globals that the declaration does not list, and of all with state: none", async () => {
    for (const [id, source, more] of [
      ["listed", `FLEET_STATE_GLOBALS = "Notes"\n${notes("Notes = {}", 'Ticker = "B"')}`, {}],
      ["none", notes("Notes = {}", 'Ticker = "B"'), { keeps: false }],
    ] as const) {
      const p = await boot("notes", { bare: true, id: address(`adopted-${id}`) });
      await p.eval(notes());
      await p.send({ From: STRANGER, Action: "Add", Data: "milk" });
      const { changes } = await load(p, source, { adopted: true, ...more });
      expect([await list(p), await p.value("Ticker"), changes]).toEqual(
        id === "listed"
          ? ["milk", "B", ["PUT_BACK GLOBAL Notes OLDER", "RESET GLOBAL Ticker NOT_DECLARED"]]
          : ["", "B", ["RESET GLOBAL Notes NONE", "RESET GLOBAL Ticker NONE"]],
      );
    }
  });
});
