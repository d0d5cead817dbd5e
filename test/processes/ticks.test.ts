import { expect, test } from "vitest";
import { type Aos, address, boot, MESSENGER, OWNER, type SendOptions, START } from "./aos.ts";

/** Ticks of a cron that the fleet's monitor sends as the owner: a process takes one for each time, and nobody else's. */

const STRANGER = address("stranger");
/** Processes on HyperBEAM have this variant. */
const NODE = { Variant: "ao.N.1" };
const CLOCK = `local fleet = require("fleet")
fleet.process { name = "clock", version = "1.0.0", capabilities = {} }
local S = fleet.state("clock", { ticks = 0 })
fleet.on("TICK", { who = fleet.isCron }, function() S.ticks = S.ticks + 1 return { ticks = S.ticks } end)
fleet.on("SEEN", { readonly = true }, function() return { ticks = S.ticks } end)
`;
/** A program without a line of the fleet's. */
const PLAIN = `Ticks = Ticks or 0
Handlers.add("tick", "Cron", function(msg) Ticks = Ticks + 1 Last = msg.Cron end)
`;
const minute = (n: number) => START + n * 60_000;
const tick = (scheduledAt: number, more: SendOptions = {}): SendOptions => ({
  ...{ From: OWNER, Action: "TICK", Data: "", Cron: false, Timestamp: scheduledAt + 900 },
  ...more,
  Tags: { Cron: "true", "Cron-Scheduled": String(scheduledAt), ...more.Tags },
});
const seen = async (p: Aos) => (await p.send({ Action: "SEEN" })).reply?.data.ticks;

test.each([
  ["on a node", NODE],
  ["on legacy units", {}],
])("one tick is taken for each time, whoever sends it twice, %s", async (_, tags) => {
  const p = await boot("clock", { source: CLOCK, tags, repeats: true });
  expect((await p.send(tick(minute(1)))).reply?.data).toMatchObject({ success: true, ticks: 1 });
  // A second monitor, the same bytes in a second slot, and a tick that arrives after a later one.
  expect((await p.send(tick(minute(1)))).messages).toEqual([]);
  for (const n of [3, 2, 3]) await p.send(tick(minute(n), { Id: address(`tick-${n}`) }));
  expect(await seen(p)).toBe(2);
  await p.load({ epoch: 2 });
  await p.send(tick(minute(3)));
  await p.send(tick(minute(4)));
  expect(await seen(p)).toBe(3);
  await p.drop();
});

test("a tick is the owner's own: not a stranger's, not one that a process pushed or forwards, and not one for a later time", async () => {
  const p = await boot("clock", { source: CLOCK, tags: NODE, repeats: true });
  const refused = [
    tick(minute(1), { From: STRANGER }),
    ...Array.from({ length: 20 }, (_, n) => tick(minute(1), { From: address(`free-${n}`) })),
    tick(minute(1), { From: STRANGER, Tags: { From: OWNER, Owner: OWNER } }),
    tick(minute(1), { Owner: MESSENGER }),
    tick(minute(1), { Tags: { "On-Behalf-Of": OWNER } }),
    tick(minute(1), { Timestamp: minute(1) - 11 * 60_000 }),
    tick(minute(1), { Tags: { "Cron-Scheduled": "soon" } }),
  ];
  for (const message of refused) {
    const { reply, messages } = await p.send(message);
    expect(reply?.data.error?.code ?? messages).toBe("FORBIDDEN");
  }
  // None of them has taken the place of the real one.
  expect((await p.send(tick(minute(1)))).reply?.data).toMatchObject({ ticks: 1 });
  await p.drop();
});

test("the process says when it last ticked, also by a messenger unit, and the owner's other messages are not ticks", async () => {
  const p = await boot("clock", { source: CLOCK, tags: NODE, repeats: true });
  const said = async () => {
    const info = (await p.send({ Action: "Info" })).reply?.data as { stats: { lastTickAt?: number } };
    const health = (await p.send({ Action: "HEALTH_CHECK", Data: {} })).reply?.data.lastTickAt;
    expect(health).toBe(info.stats.lastTickAt);
    return health;
  };
  await p.send({ From: OWNER, Action: "TICK", Tags: { Cron: "true" } });
  expect(await said()).toBeUndefined();
  await p.send(tick(minute(5)));
  expect(await said()).toBe(minute(5) + 900);
  await p.send({ Action: "TICK", Cron: true, Timestamp: minute(9) });
  expect(await said()).toBe(minute(9));
  expect(await seen(p)).toBe(2);
  await p.drop();
});

test("a plain program's Cron handler matches a tick, with the library and without", async () => {
  const withLibrary = await boot("plain", { source: PLAIN, tags: NODE, repeats: true });
  const cron = (n: number) => tick(minute(n), { Action: "Cron" });
  for (const n of [1, 1, 2]) await withLibrary.send(cron(n));
  expect(await withLibrary.value("Ticks")).toBe(2);
  expect(await withLibrary.value("Last")).toBe(true);
  await withLibrary.drop();

  const bare = await boot("bare", { bare: true, tags: NODE });
  await bare.eval(PLAIN);
  for (const n of [1, 2]) await bare.send(cron(n));
  expect(await bare.value("Ticks")).toBe(2);
  // aos takes the tag for the field.
  expect(await bare.value("Last")).toBe("true");
  await bare.drop();
});

test("ticks take no place among the owner's messages that are remembered", async () => {
  const p = await boot("clock", { source: `${CLOCK}\nCount = Count or 0`, tags: NODE, repeats: true });
  const add = { From: OWNER, Action: "Eval", Data: "Count = Count + 1", Id: address("add") };
  await p.send(add);
  // As after 1,000 messages of the owner's: 24 more places, and the first one is forgotten.
  await p.eval("Fleet.store.seen.owner.next = 1000");
  for (let n = 1; n <= 100; n += 1) await p.send(tick(minute(n)));
  await p.send(add);
  expect(await p.value("Count")).toBe(1);
  await p.drop();
}, 60_000);
