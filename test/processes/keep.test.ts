/** What a load in place does to what messages gave: as a hand-over to a new process would carry it. */
import { describe, expect, test } from "vitest";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { type Aos, address, boot } from "./aos.ts";
import { type ProgramOptions, program } from "./compose.ts";

const STRANGER = address("stranger");

/** A plain program: two lines for its state, one constant, no line of the fleet's. */
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

describe("a load in place keeps what messages gave", () => {
  test("a global that the code assigns anew is put back, and that is said; a constant has the new value", async () => {
    const p = await withNotes();
    const before = await digest(p);
    const found = await load(p, notes("Notes = {}", 'Ticker = "B"'));
    expect(found).toEqual({ globals: ["Count", "Notes"], states: [], changes: ["PUT_BACK GLOBAL Notes"] });
    expect(await list(p)).toBe("milk,eggs");
    expect(await p.value("Ticker")).toBe("B");
    expect(await digest(p)).toBe(before);
    // And each time again, since the code goes on assigning it.
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    await load(p, notes("Notes = {}", 'Ticker = "C"'));
    expect(await list(p)).toBe("milk,eggs,tea");
  });

  test("an edit that assigns nothing of it is told as kept, with nothing put back", async () => {
    const p = await withNotes();
    const found = await load(p, notes(undefined, 'Ticker = "B"'));
    expect(found).toEqual({ globals: ["Count", "Notes"], states: [], changes: [] });
  });

  test("also numbers, removed globals, and what is changed within a table", async () => {
    const p = await withNotes();
    const before = await digest(p);
    const found = await load(p, notes("Count = 0 Notes[1] = 'beer' Notes[2] = nil"));
    expect(found.changes).toEqual(["PUT_BACK GLOBAL Count", "PUT_BACK GLOBAL Notes"]);
    expect(await digest(p)).toBe(before);
    const next = await load(p, notes("Notes = nil Notes = Notes or {}"));
    expect(next.changes).toEqual(["PUT_BACK GLOBAL Notes"]);
    expect(await digest(p)).toBe(before);
  });

  test("functions of the new code hold the table that has it", async () => {
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

  test("tables that share one another still do", async () => {
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

  test("what other places of the new code use is not filled with it", async () => {
    const p = await boot("notes", {
      source: `Game = Game or { options = { speed = 1 } } Handlers.add("Fast", "Fast", function() Game.options = { speed = 9 } end)`,
      id: address("defaults"),
    });
    await p.send({ From: STRANGER, Action: "Fast" });
    await load(p, "DEFAULTS = { speed = 2 } Game = { options = DEFAULTS }");
    expect(await p.value("{ Game.options.speed, DEFAULTS.speed }")).toEqual([9, 2]);
  });

  test("behaviour is the code's: new functions in a table that messages changed", async () => {
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

  test("what the code adds to a table that it found stays, and is told", async () => {
    const p = await withNotes();
    const found = await load(p, notes("Notes = Notes or {} Notes.index = Notes.index or {}"));
    expect(found.changes).toEqual(["ADDED GLOBAL Notes"]);
    expect(await p.value("type(Notes.index)")).toBe("table");
  });

  test("a name that stands for a function now is the code's, and is told", async () => {
    const p = await withNotes();
    const found = await load(p, "function Notes() end");
    expect(found).toMatchObject({ globals: ["Count"], changes: ["RESET GLOBAL Notes CODE"] });
    // It is state no more: what is left can be kept and handed over.
    const { globals } = (await p.send({ Action: "EXPORT_STATE" })).reply?.data ?? {};
    expect(globals).toMatchObject({ carried: ["Count"], left: [] });
  });

  test("big integers of aos stay values: none that the new code holds is changed", async () => {
    const program = (state: string) => `local bint = require(".bint")(256)
      ${state} Handlers.add("Go", "Go", function() Total = Total + bint(5) end)`;
    const p = await boot("notes", { source: program("Total = Total or bint(0)"), id: address("bint") });
    await p.send({ From: STRANGER, Action: "Go" });
    await load(p, program("ZERO = bint(0) Total = ZERO"));
    expect(await p.value("{ tostring(Total), tostring(ZERO) }")).toEqual(["5", "0"]);
  });

  test("tables of fleet.state: the same, and a default counts the first time only", async () => {
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

  test("what a constant of the bundle sets before the library is there", async () => {
    const p = await withNotes();
    const text = (await program("notes", { source: notes() })).replace("\ndo local", "\nCount = 0 do local");
    const outcome = readLoadOutcome((await p.eval(text)).output);
    expect(outcome).toMatchObject({ kept: { changes: [{ change: "PUT_BACK", name: "Count" }] } });
    expect(await p.value("Count")).toBe(2);
  });

  test("a conversion of the shape belongs into a migration, which runs on what was kept", async () => {
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

  test("a load that fails leaves everything as it was", async () => {
    const p = await withNotes();
    const before = await digest(p);
    expect((await p.load({ source: `${notes("Notes = {}")} error("no")` })).error).toContain("no");
    expect(await digest(p)).toBe(before);
    await load(p, notes("Notes = {}"));
    expect(await digest(p)).toBe(before);
  });
});

describe("where the code's value is wanted", () => {
  test("state: none resets it, and that is said", async () => {
    const p = await withNotes();
    const found = await load(p, notes("Notes = {}"), { keeps: false });
    expect(found).toEqual({ globals: [], states: [], changes: ["RESET GLOBAL Notes NONE"] });
    expect(await list(p)).toBe("");
  });

  test("declared globals are kept, also a setting; others that messages changed are the code's, which is told", async () => {
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

  test("a first load over another program puts nothing back, and names what it assigned or changed", async () => {
    const p = await boot("notes", { bare: true, id: address("adopted") });
    await p.eval(`${notes()} Rules = { 1 }`);
    for (const note of ["milk", "eggs"]) await p.send({ From: STRANGER, Action: "Add", Data: note });
    const found = await load(p, notes("Notes = {} Rules[1] = 2", 'Ticker = "B"'), { adopted: true });
    expect(found).toEqual({
      globals: [],
      states: [],
      changes: ["ASSIGNED GLOBAL Notes", "ASSIGNED GLOBAL Rules", "ASSIGNED GLOBAL Ticker"],
    });
    // From then on it is known.
    await p.send({ From: STRANGER, Action: "Add", Data: "tea" });
    await load(p, notes("Notes = {}"));
    expect(await list(p)).toBe("tea");
  });

  test("a new process has nothing to keep", async () => {
    const p = await boot("notes", { bare: true, id: address("fresh") });
    const { output } = await p.load({ source: notes() });
    expect(output).toContain('"committed"');
    expect(output).not.toContain('"kept"');
  });
});
