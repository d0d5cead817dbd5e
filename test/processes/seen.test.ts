import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundle } from "../../src/bundler/index.ts";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { type Aos, address, boot, OWNER } from "./aos.ts";
import { program } from "./compose.ts";

/** Networks that give the same bytes two slots, as HyperBEAM nodes do: a process handles each message once. */

const USER = address("user");
/** A program without a line of the fleet's. */
const PLAIN = `Loads = (Loads or 0) + 1
Count = Count or 0
Handlers.add("add", "Add", function(msg) Count = Count + 1 msg.reply({ Data = tostring(Count) }) end)
Handlers.add("fragile", "Fragile", function(msg) if not Ready then error("not ready") end Count = Count + 1 end)
`;
const id = (name: string) => address(`message-${name}`);
const count = async (p: Aos) => (await p.eval("return Count")).output;

test("a message, an Eval and a control message in a second slot have no effect and no answer", async () => {
  const p = await boot("twice", { source: PLAIN });
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
  const p = await boot("twice", { source: PLAIN });
  for (const name of ["a", "b"]) await p.send({ From: USER, Action: "Add", Id: id(name) });
  const fragile = { From: USER, Action: "Fragile", Id: id("fragile") };
  expect((await p.send(fragile)).error).toContain("not ready");
  await p.eval("Ready = true");
  for (const _ of [1, 2]) expect((await p.send(fragile)).error).toBeUndefined();
  expect(await count(p)).toBe("3");
  await p.drop();
});

test("ticks of a cron count, whatever their ids are", async () => {
  const p = await boot("twice", { source: PLAIN });
  for (const _ of [1, 2]) await p.send({ From: USER, Action: "Add", Id: id("tick"), Cron: true });
  expect(await count(p)).toBe("2");
  await p.drop();
});

test("messages that were handled before a new load are not handled after it", async () => {
  const p = await boot("twice", { source: PLAIN });
  const send = { From: USER, Action: "Add", Id: id("add") };
  await p.send(send);
  await p.load({ epoch: 2 });
  await p.send(send);
  expect(await count(p)).toBe("1");
  await p.drop();
});

test("the first load in a second slot, which the library did not see coming, runs once", async () => {
  const p = await boot("twice", { bare: true });
  const text = await program("twice", { source: PLAIN });
  const load = { From: OWNER, Action: "Eval", Data: text, Id: id("load") };
  expect(readLoadOutcome((await p.send(load)).output)).toMatchObject({ kind: "committed" });
  expect(await p.send(load)).toMatchObject({ error: undefined, messages: [], output: "" });
  expect(await p.value("Loads")).toBe(1);
  // The same code in a later run is another load.
  await p.eval(await program("twice", { source: PLAIN, epoch: 2 }));
  expect(await p.value("Loads")).toBe(2);
  await p.drop();
});

test("without the library, a load in a second slot runs once", async () => {
  const root = await mkdtemp(join(tmpdir(), "fleet-twice-"));
  await writeFile(join(root, "process.lua"), PLAIN);
  const { text, hash } = await bundle({ name: "twice", root, entry: "process.lua" });
  const commit = { process: "twice", release: "r", sourceHash: hash, version: "1", epoch: 1 };
  const p = await boot("twice", { bare: true });
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
