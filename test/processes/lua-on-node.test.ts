/** The library on lua@5.3a of a node: messages in a second slot, and what the node serves over HTTP. */
import { expect, test } from "vitest";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { type Aos, address, boot, OWNER, type SendOptions, type SendResult } from "./aos.ts";
import { program } from "./compose.ts";

const USER = address("user");
/** Processes on HyperBEAM have this variant. */
const NODE = { Variant: "ao.N.1" };
const PROGRAM = `FLEET_PUBLISH = "Balances"
Loads = (Loads or 0) + 1
Count = 0
Balances = Balances or { bank = 100 }
Handlers.add("add", "Add", function(msg) Count = Count + 1 Balances.bank = Balances.bank - 1 msg.reply({ Data = tostring(Count) }) end)
Handlers.add("fragile", "Fragile", function() Count = Count + 1 error("not ready") end)
`;
const id = (name: string) => address(`message-${name}`);

const isPatch = ({ Tags }: SendResult["messages"][number]) => Tags.some(({ name }) => name === "device");
/** What a message sends to others. */
const sent = ({ messages }: SendResult) => messages.filter((message) => !isPatch(message));
/** All that the node serves after a message. */
const served = ({ messages }: SendResult): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    messages.filter(isPatch).flatMap(({ Tags }) => Tags.map(({ name, value }) => [name, value as never])),
  );
const bare = () => boot("twice", { bare: true, lua: true, tags: NODE });
const load = async (epoch: number): Promise<SendOptions> => ({
  ...{ From: OWNER, Action: "Eval", Id: id(`load-${epoch}`) },
  Data: await program("twice", { source: PROGRAM, epoch, keeps: false, repeats: true }),
});

async function loaded(): Promise<Aos> {
  const p = await bare();
  const { output } = await p.send(await load(1));
  expect(readLoadOutcome(output)).toMatchObject({ kind: "committed" });
  return p;
}

test("a load in a second slot runs once, also the first one, which the library did not see coming", async () => {
  const p = await loaded();
  await p.send({ From: USER, Action: "Add", Id: id("between") });
  const again = await p.send(await load(1));
  expect([again.error, sent(again), again.output]).toEqual([undefined, [], ""]);
  expect(await p.value("{ Loads, Count }")).toEqual([1, 1]);
  // The same code in a later run is another load.
  for (const _ of [1, 2]) await p.send(await load(2));
  expect(await p.value("Loads")).toBe(2);
  await p.drop();
});

test("a message, an Eval and a control message in a second slot have no effect and no answer, also after a load", async () => {
  const p = await loaded();
  const sends: SendOptions[] = [
    { From: USER, Action: "Add", Id: id("add") },
    { From: OWNER, Action: "Eval", Data: "Balances.bank = Balances.bank - 10 return 'ran'", Id: id("eval") },
    { From: OWNER, Action: "DRAIN", Id: id("drain"), Tags: { Epoch: "1" } },
  ];
  for (const send of sends) {
    const first = await p.send(send);
    expect([send.Action, first.error, sent(first).length + first.output.length > 0]).toEqual([
      send.Action,
      undefined,
      true,
    ]);
    const second = await p.send(send);
    expect([send.Action, second.error, sent(second)]).toEqual([send.Action, undefined, []]);
    expect(second.output).not.toContain("ran");
  }
  await p.send({ From: OWNER, Action: "RESUME", Id: id("resume"), Tags: { Epoch: "1" } });
  await p.send(await load(2));
  for (const send of sends) expect([send.Action, sent(await p.send(send))]).toEqual([send.Action, []]);
  expect(await p.value("Balances.bank")).toBe(89);
  const info = await p.send({ From: USER, Action: "Info" });
  expect(info.reply?.data.status).toBe("ACTIVE");
  await p.drop();
});

test("a message whose evaluation failed is not run again, because what it did before the error remains", async () => {
  const p = await loaded();
  const fragile = { From: USER, Action: "Fragile", Id: id("fragile") };
  expect((await p.send(fragile)).error).toContain("not ready");
  expect((await p.send(fragile)).error).toBeUndefined();
  expect(await p.value("Count")).toBe(1);
  await p.drop();
});

test("the node serves what the process reports, and what its declaration publishes", async () => {
  const p = await loaded();
  const added = served(await p.send({ From: USER, Action: "Add" }));
  expect(added.fleet).toMatchObject({
    ...{ release: "r1", version: "1.0.0", status: "ACTIVE", epoch: 1, health: "HEALTHY" },
  });
  expect(JSON.parse(String(added.fleet?.state))).toMatchObject({ schema: 1, name: "twice", slot: p.slot });
  expect(added.balances).toEqual({ bank: 99 });
  const retired = await p.send({ From: OWNER, Action: "RETIRE", Tags: { Epoch: "3" } });
  expect(served(retired).fleet).toMatchObject({ status: "RETIRED", epoch: 3, health: "UNHEALTHY" });
  expect(served(retired).balances).toEqual({ bank: 99 });
  await p.drop();
});
