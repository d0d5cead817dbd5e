import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundle } from "../../src/bundler/index.ts";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { type Aos, address, boot, DEVICES, OWNER, type SendResult } from "./aos.ts";
import { program } from "./compose.ts";
import { isPatch } from "./device.ts";

/** Networks that give the same bytes two slots, as HyperBEAM nodes do: a process handles each message once. */

const USER = address("user");
/** Processes on HyperBEAM have this variant. */
const NODE = { Variant: "ao.N.1" };
/** The aos images whose handlers a load has to find itself in; 2.0.3 is that of the other tests. */
const IMAGES = [
  ["aos 2.0.1", { image: "aos2_0_1.wasm" }],
  ["aos 2.0.3", {}],
  ["aos 2.0.6", { image: "aos2_0_6.wasm" }],
] as const;
/** A program without a line of the fleet's. */
const PLAIN = `Loads = (Loads or 0) + 1
Count = Count or 0
Handlers.add("add", "Add", function(msg) Count = Count + 1 msg.reply({ Data = tostring(Count) }) end)
Handlers.add("fragile", "Fragile", function(msg) if not Ready then error("not ready") end Count = Count + 1 end)
`;
const id = (name: string) => address(`message-${name}`);
/** What a message sends to others. */
const sent = ({ messages }: SendResult) => messages.filter((each) => !isPatch(each));
const count = async (p: Aos) => (await p.eval("return Count")).output;

test("a message, an Eval and a control message in a second slot have no effect and no answer", async () => {
  const p = await boot("twice", { source: PLAIN, tags: NODE, repeats: true });
  const sends = [
    { From: USER, Action: "Add", Id: id("add") },
    { From: OWNER, Action: "Eval", Data: "Count = Count + 10 return 'ran'", Id: id("eval") },
    {
      ...{ From: OWNER, Action: "UPDATE_CONFIG", Id: id("config"), Tags: { Epoch: "1" } },
      Data: {
        configType: "PROCESS_CONFIG",
        configData: { maxConcurrentRequests: 7 },
        version: 1,
      },
    },
  ];
  for (const send of sends) {
    const first = await p.send(send);
    expect([send.Action, first.error, first.messages.length + first.output.length > 0]).toEqual([
      send.Action,
      undefined,
      true,
    ]);
    const second = await p.send(send);
    expect([send.Action, second.error, second.messages]).toEqual([send.Action, undefined, []]);
    expect(second.output).not.toContain("ran");
  }
  expect(await count(p)).toBe("11");
  await p.drop();
});

test("the same content in another message counts, and so does a message whose evaluation failed", async () => {
  const p = await boot("twice", { source: PLAIN, tags: NODE, repeats: true });
  for (const name of ["a", "b"]) await p.send({ From: USER, Action: "Add", Id: id(name) });
  const fragile = { From: USER, Action: "Fragile", Id: id("fragile") };
  expect((await p.send(fragile)).error).toContain("not ready");
  await p.eval("Ready = true");
  for (const _ of [1, 2]) expect((await p.send(fragile)).error).toBeUndefined();
  expect(await count(p)).toBe("3");
  await p.drop();
});

test("ticks of a cron count, whatever their ids are", async () => {
  const p = await boot("twice", { source: PLAIN, tags: NODE, repeats: true });
  for (const _ of [1, 2]) await p.send({ From: USER, Action: "Add", Id: id("tick"), Cron: true });
  expect(await count(p)).toBe("2");
  await p.drop();
});

test("messages that were handled before a new load are not handled after it", async () => {
  const p = await boot("twice", { source: PLAIN, tags: NODE, repeats: true });
  const send = { From: USER, Action: "Add", Id: id("add") };
  await p.send(send);
  await p.load({ epoch: 2 });
  await p.send(send);
  expect(await count(p)).toBe("1");
  await p.drop();
});

test.each(IMAGES)(
  "the first load in a second slot, which the library did not see coming, runs once (%s)",
  async (_, on) => {
    const p = await boot("twice", { bare: true, tags: NODE, ...on });
    const text = await program("twice", { source: PLAIN, repeats: true });
    const load = { From: OWNER, Action: "Eval", Data: text, Id: id("load") };
    expect(readLoadOutcome((await p.send(load)).output)).toMatchObject({ kind: "committed" });
    expect(await p.send(load)).toMatchObject({ error: undefined, messages: [], output: "" });
    expect(await p.value("Loads")).toBe(1);
    // The same code in a later run is another load.
    await p.eval(await program("twice", { source: PLAIN, epoch: 2, repeats: true }));
    expect(await p.value("Loads")).toBe(2);
    await p.drop();
  },
);

test.each(IMAGES)("without the library, a load in a second slot runs once (%s)", async (_, on) => {
  const root = await mkdtemp(join(tmpdir(), "fleet-twice-"));
  await writeFile(join(root, "process.lua"), PLAIN);
  const { text, hash } = await bundle({ name: "twice", root, entry: "process.lua" });
  const commit = { process: "twice", release: "r", sourceHash: hash, version: "1", epoch: 1, repeats: true };
  const p = await boot("twice", { bare: true, tags: NODE, ...on });
  for (const _ of [1, 2]) {
    const data = composeWithoutLibrary(text, commit).text;
    const { output } = await p.send({ From: OWNER, Action: "Eval", Data: data, Id: id("load") });
    expect(readLoadOutcome(output)).toMatchObject({ kind: "committed", sourceHash: hash });
  }
  expect(await p.value("Loads")).toBe(1);
  await p.eval(composeWithoutLibrary(text, { ...commit, epoch: 2 }).text);
  expect(await p.value("Loads")).toBe(2);
  await p.drop();
});

test("on legacy units, which refuse an item that they have, the library leaves ids alone", async () => {
  const p = await boot("twice", { source: PLAIN });
  for (const _ of [1, 2]) await p.send({ From: USER, Action: "Add", Id: id("add") });
  expect(await count(p)).toBe("2");
  await p.drop();
});

test("a handler that waits does not see a repeated message", async () => {
  const source = `Votes = 0
Handlers.add("poll", "Poll", function(msg) for _ = 1, 2 do Receive({ Action = "Vote" }) Votes = Votes + 1 end end)`;
  const p = await boot("votes", { source, tags: NODE, repeats: true });
  await p.send({ From: USER, Action: "Poll" });
  for (const _ of [1, 2]) await p.send({ From: USER, Action: "Vote", Id: id("vote") });
  expect(await p.value("Votes")).toBe(1);
  await p.drop();
});

test.each(DEVICES)(
  "a handler that was put before all others does not see a repeated message (%s)",
  async (_, on) => {
    const source = `Votes = 0
Handlers.prepend("early", "Early", function() Votes = Votes + 10 end)`;
    const p = await boot("votes", { source, tags: NODE, repeats: true, ...on });
    await p.eval(
      'Handlers.prepend("earlier", "Early", function() Votes = Votes + 100 return "continue" end)',
    );
    for (const _ of [1, 2]) await p.send({ From: USER, Action: "Early", Id: id("early") });
    expect(await p.value("Votes")).toBe(100);
    await p.drop();
  },
);

test.each(DEVICES)(
  "a program that normalizes the message that it handles handles it once and whole (%s)",
  async (_, on) => {
    const source = `Count = 0
Handlers.add("watch", function(msg) ao.normalize(msg) return msg.Action == "Add" and "continue" end, function() Count = Count + 1 end)
Handlers.add("add", "Add", function() Count = Count + 10 end)`;
    const p = await boot("normalizing", { source, tags: NODE, repeats: true, ...on });
    for (const _ of [1, 2]) await p.send({ From: USER, Action: "Add", Id: id("add") });
    expect(await p.value("Count")).toBe(11);
    await p.drop();
  },
);

/** Fills a sender's places as this many messages would, which takes the real ones seconds. The last messages before they are full are real. */
async function fill(p: Aos, sender: string, count: number): Promise<void> {
  const { output, error } = await p.eval(`local kept = Fleet.store.seen.marks
local own = { kept.of["${sender}"] or "" }
for n = #own[1] // 8 + 1, ${count} do own[#own + 1] = string.format("%08d", n) end
kept.count = kept.count + (kept.of["${sender}"] and 0 or 1)
kept.of["${sender}"] = table.concat(own)
return #kept.of["${sender}"] // 8`);
  expect([output, error]).toEqual([String(count), undefined]);
}

test("a sender cannot push the ids of others out, and a load is never run again, also one from before lib: false", async () => {
  const p = await boot("twice", { bare: true, tags: NODE });
  const first = await program("twice", { source: PLAIN, repeats: true });
  const load = { From: OWNER, Action: "Eval", Data: first, Id: id("first") };
  await p.send(load);
  const add = { From: OWNER, Action: "Eval", Data: "Count = Count + 1", Id: id("owners") };
  await p.send(add);
  const other = { From: address("other user"), Action: "Add", Id: id("others") };
  await p.send(other);
  await fill(p, USER, 4000);
  for (let n = 0; n < 200; n += 1) await p.send({ From: USER, Action: "Nothing", Id: id(`flood-${n}`) });
  // The owner's Eval, and what a user sent once: anyone may post their bytes again.
  for (const send of [add, other]) await p.send(send);
  expect(await count(p)).toBe("2");
  // One sender has 4,096 places, a process of the fleet more.
  const places = await p.value(`#Fleet.store.seen.marks.of["${USER}"] // 8`);
  expect(places).toBe(4096);
  const root = await mkdtemp(join(tmpdir(), "fleet-twice-"));
  await writeFile(join(root, "process.lua"), `${PLAIN}\nEdition = 2`);
  const { text, hash } = await bundle({ name: "twice", root, entry: "process.lua" });
  const commit = { process: "twice", release: "r2", sourceHash: hash, version: "1", epoch: 2, repeats: true };
  expect(readLoadOutcome((await p.eval(composeWithoutLibrary(text, commit).text)).output).kind).toBe(
    "committed",
  );
  const loads = await p.value("Loads");
  await p.send(load);
  expect(await p.value("Loads")).toBe(loads);
  expect(await p.value('package.loaded[".fleet-library"] == nil')).toBe(true);
  await p.drop();
}, 120_000);

test.each(DEVICES)(
  "a control message is never applied again, also if it was refused, and however many messages came since (%s)",
  async (_, on) => {
    const p = await boot("controlled", { source: PLAIN, tags: NODE, repeats: true, ...on });
    const drain = { From: OWNER, Action: "DRAIN", Id: id("drain"), Tags: { Epoch: "3" } };
    const refused = { From: OWNER, Action: "WIRE_PEERS", Id: id("refused"), Tags: { Epoch: "3" }, Data: "{" };
    await p.send(drain);
    expect((await p.send(refused)).reply?.data.success).toBe(false);
    await p.send({ From: OWNER, Action: "RESUME", Id: id("resume"), Tags: { Epoch: "3" } });
    await fill(p, OWNER, 1000);
    for (let n = 0; n < 100; n += 1) await p.send({ From: OWNER, Action: "Nothing", Id: id(`later-${n}`) });
    for (const message of [drain, refused]) expect(sent(await p.send(message))).toEqual([]);
    const info = async () => (await p.send({ From: OWNER, Action: "Info" })).reply?.data.status;
    expect(await info()).toBe("ACTIVE");
    // Of earlier epochs nothing is kept: they are refused by their epoch.
    await p.send({ From: OWNER, Action: "RESUME", Id: id("newer"), Tags: { Epoch: "4" } });
    await p.send({ From: OWNER, Action: "RESUME", Id: id("newest"), Tags: { Epoch: "4" } });
    const kept = `local n = 0 for _ in pairs(Fleet.store.seen.control.ids) do n = n + 1 end return n`;
    expect((await p.eval(kept)).output).toBe("2");
    expect(sent(await p.send(drain))).toEqual([]);
    // Also when the owner has sent so much since that the id is not known any more.
    await p.eval('Fleet.store.seen.marks = require("fleet.marks").new()');
    expect((await p.send(drain)).reply?.data.error?.code).toBe("STALE_EPOCH");
    expect(await info()).toBe("ACTIVE");
    await p.drop();
  },
  120_000,
);

test("a program may replace debug: its loads still work", async () => {
  const p = await boot("twice", { source: `${PLAIN}\ndebug = true`, tags: NODE, repeats: true });
  expect(readLoadOutcome((await p.load({ epoch: 2, repeats: true })).output)).toMatchObject({
    kind: "committed",
  });
  await p.drop();
});
