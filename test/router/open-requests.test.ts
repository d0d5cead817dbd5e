/** The places of a router: nobody closes it for others, and what cannot be sent takes none. On real aos. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Aos,
  address,
  boot,
  MESSENGER,
  OWNER,
  type Reply,
  readReply,
  sentFor,
} from "../processes/aos.ts";

const ROUTER = `local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve { open = { quiet = true, shop = true, bank = true } }`;
const PEERS = Object.fromEntries(["quiet", "shop", "bank"].map((name) => [name, address(name)]));
const MINUTES = 60_000;

let base: Aos;
beforeAll(async () => {
  base = await boot("router", { source: ROUTER });
  await base.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: PEERS } });
}, 60_000);

const held = async (p: Aos) => Number(await p.value('(require("fleet.slots").count())'));
const codeOf = (reply: Reply | undefined) => reply?.data.error?.code ?? "none";

/** Sends a request without letting time pass, and returns what came back to its sender and to others. */
async function ask(p: Aos, from: string, service = "quiet", more: Record<string, unknown> = {}) {
  const { messages, reply, error } = await p.send({
    ...{ From: from, Action: "Ask", Service: service, Data: "{}", "Correlation-Id": "c", Timestamp: p.now },
    ...more,
  });
  expect(error).toBeUndefined();
  const sent = messages.map(readReply);
  return {
    code: codeOf(reply?.action.endsWith("-Response") ? reply : undefined),
    forwarded: sent.filter(({ target }) => Object.values(PEERS).includes(target)),
    dropped: sent.filter(({ target, data }) => target !== from && data.error?.code === "BUSY"),
  };
}

/** Answers a forwarded request as its service. */
const answer = (p: Aos, asked: Reply | undefined, more: Record<string, unknown> = {}) =>
  p.send({
    ...{ From: asked?.target ?? "", Owner: MESSENGER, Action: "Ask-Response", Data: { success: true } },
    ...{
      "Correlation-Id": asked?.correlationId ?? "",
      ...sentFor(p.id, asked?.tags.Reference),
      Timestamp: p.now,
    },
    ...more,
  });

/** Makes a caller one that was here before. */
async function meet(p: Aos, from: string): Promise<void> {
  const { forwarded } = await ask(p, from, "shop", { "Correlation-Id": "met" });
  await answer(p, forwarded[0]);
}

describe("a request that cannot be sent on", () => {
  test("is refused at once, and takes no place", async () => {
    const p = await base.clone();
    const odd: string[] = [];
    const long = (n: number) => "x".repeat(n);
    const cases: [string, string, Record<string, unknown>][] = [
      ["an action of 257 bytes", "TOO_LARGE", { Action: long(257) }],
      ["an action of 3,000 bytes", "TOO_LARGE", { Action: long(3000) }],
      ["a service of 3,000 bytes", "TOO_LARGE", { Service: long(3000) }],
      ["a tag of 3,073 bytes", "TOO_LARGE", { Note: long(3073) }],
      ["a tag's name of 1,025 bytes", "TOO_LARGE", { [long(1025)]: "x" }],
      ["tags of 3,700 bytes", "TOO_LARGE", { Note: long(1850), Memo: long(1850) }],
      ["a service with a long name", "INVALID_DATA", route({ service: long(65), action: "Ask" })],
      ["an action with a long name", "INVALID_DATA", route({ service: "quiet", action: long(257) })],
    ];
    for (const [what, expected, more] of cases) {
      const { code, forwarded } = await ask(p, address("stranger"), "quiet", more);
      if (code !== expected || forwarded.length > 0) odd.push(`${what}: ${code}`);
    }
    expect(odd).toEqual([]);
    expect(await held(p)).toBe(0);
    // The answer itself can be sent: it names a long action only in part.
    const { messages } = await p.send({ From: address("stranger"), Action: long(3000), Service: "quiet" });
    expect(bytesOf(messages[0]?.Tags ?? [])).toBeLessThan(1000);
    const { forwarded } = await ask(p, address("stranger"), "quiet", {
      Action: long(256),
      Note: long(2500),
      "Correlation-Id": "d",
    });
    expect([forwarded.length, forwarded[0]?.tags.Note?.length]).toEqual([1, 2500]);
    // The same correlation id may be used again: nothing was sent the first time.
    expect((await ask(p, address("stranger"))).forwarded).toHaveLength(1);
    await p.drop();
  });

  test("on a node also for names and bytes that it cannot encode", async () => {
    const p = await boot("router", { source: ROUTER, tags: { Variant: "ao.N.1" }, repeats: true });
    await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: PEERS } });
    expect((await ask(p, address("a"), "quiet", { "a b": "1" })).code).toBe("TOO_LARGE");
    expect((await ask(p, address("b"), "quiet", { "a.b": "1" })).code).toBe("TOO_LARGE");
    const sent = await ask(p, address("c"), "quiet", { body: "1", Path: "2", Note: "3" });
    const { body, Path, Note } = sent.forwarded[0]?.tags ?? {};
    expect([body, Path, Note]).toEqual([undefined, undefined, "3"]);
    expect(await held(p)).toBe(1);
    await p.drop();
  });

  test("by the rule of its key is not hashed", async () => {
    const p = await boot("coordinator");
    await p.eval(`require("fleet.router-state").state.table = { release = "r", step = 0, salt = "s", mode = "steady",
      services = { shop = { key = "data:id", routes = { { processId = "${PEERS.shop}", revision = "v", weightBp = 10000 } } } } }`);
    const send = (id: string) =>
      ask(p, address("stranger"), "shop", { Data: { id }, "Correlation-Id": `c${id.length}` });
    expect((await send("x".repeat(20_000))).code).toBe("TOO_LARGE");
    expect((await send("x".repeat(1024))).forwarded).toHaveLength(1);
    await p.drop();
  });

  test("an answer with more tags than fit says so", async () => {
    const p = await base.clone();
    const { forwarded } = await ask(p, address("stranger"));
    const done = await answer(p, forwarded[0], { Note: "x".repeat(1900), Memo: "x".repeat(1800) });
    const reply = done.messages.map(readReply).find(({ target }) => target === address("stranger"));
    expect(reply?.data.error).toMatchObject({
      code: "TOO_LARGE",
      remedy: "The request was performed. Read its outcome in another way.",
    });
    expect(await held(p)).toBe(0);
    await p.drop();
  });
});

describe("a router that is full", () => {
  test("serves callers from before and members, while new wallets that fill it lose the oldest", async () => {
    const p = await base.clone();
    await setLimit(p, 64);
    const friends = Array.from({ length: 20 }, (_, i) => address(`friend-${i}`));
    for (const friend of friends) await meet(p, friend);
    p.now += 11 * MINUTES;
    // One wallet for each place, for a service that never answers.
    for (let i = 0; i < 64; i += 1) await ask(p, address(`free-${i}`));
    expect(await held(p)).toBe(64);
    const lost: string[] = [];
    for (const friend of friends) {
      const { code, forwarded, dropped } = await ask(p, friend, "shop");
      expect([code, forwarded.length]).toEqual(["none", 1]);
      lost.push(...dropped.map(({ target }) => target));
    }
    expect(lost).toEqual(friends.map((_, i) => address(`free-${i}`)));
    // A member and the owner, too.
    expect((await ask(p, PEERS.bank ?? "", "shop")).forwarded).toHaveLength(1);
    expect((await ask(p, OWNER, "shop")).forwarded).toHaveLength(1);
    // A service that wants fewer places than the flooded one gets them from it: here for new callers.
    const newcomer = await ask(p, address("newcomer"), "bank");
    expect([newcomer.forwarded.length, newcomer.dropped.length]).toEqual([1, 1]);
    // A new wallet takes none of those who were here before, however many come.
    for (let i = 0; i < 30; i += 1) await ask(p, address(`more-${i}`), "shop");
    const senders = (await p.value(
      `(function() local l = {} for _, e in pairs(Fleet.store.calls.deferred) do l[#l + 1] = e.sender end return l end)()`,
    )) as string[];
    expect(senders).toHaveLength(64);
    expect(friends.every((friend) => senders.includes(friend))).toBe(true);
    await p.drop();
  }, 60_000);

  test("gives a place that waited for long to a caller without any, and none that did not", async () => {
    const p = await base.clone();
    await setLimit(p, 8);
    for (let i = 0; i < 8; i += 1) await ask(p, address(`free-${i}`));
    expect((await ask(p, address("late"))).code).toBe("BUSY");
    p.now += 4_000;
    expect((await ask(p, address("late"))).code).toBe("BUSY");
    p.now += 1_000;
    const { forwarded, dropped } = await ask(p, address("late"));
    expect([forwarded.length, dropped.map(({ target }) => target)]).toEqual([1, [address("free-0")]]);
    // Who has one already does not get another one that way.
    expect((await ask(p, address("late"), "quiet", { "Correlation-Id": "e" })).code).toBe("BUSY");
    await p.drop();
  });

  test("leaves new callers a share of the places that others fill", async () => {
    const p = await base.clone();
    await setLimit(p, 8);
    const known = Array.from({ length: 8 }, (_, i) => address(`friend-${i}`));
    for (const one of known) await meet(p, one);
    p.now += 11 * MINUTES;
    for (const one of known) await ask(p, one);
    p.now += 6_000;
    const got = [];
    for (let i = 0; i < 8; i += 1) got.push((await ask(p, address(`new-${i}`), "shop")).forwarded.length);
    expect(got.slice(0, 4)).toEqual([1, 1, 1, 1]);
    const ranks = (await p.value(
      `(function() local l = {} for _, e in pairs(Fleet.store.calls.deferred) do l[#l + 1] = e.rank end return l end)()`,
    )) as number[];
    expect(ranks.filter((rank) => rank === 2)).toHaveLength(4);
    await p.drop();
  });

  test("keeps no bodies, and counts those that a program keeps", async () => {
    const p = await base.clone();
    const heap = () => p.value('(function() collectgarbage() return collectgarbage("count") end)()');
    const before = Number(await heap());
    const body = JSON.stringify({ text: "x".repeat(50_000) });
    for (let i = 0; i < 10; i += 1) await ask(p, address(`free-${i}`), "quiet", { Data: body });
    expect(await held(p)).toBe(10);
    // Half a megabyte went through.
    expect(Number(await heap()) - before).toBeLessThan(150);
    await p.drop();
    const q = await boot("keeper", {
      source: `local fleet = require("fleet")
fleet.process { name = "keeper", version = "1.0.0" }
fleet.on("WAIT", {}, function(_, msg) return fleet.later(msg) end)`,
    });
    const wait = async (from: string, bytes: number) =>
      (
        await q.send({
          From: from,
          Action: "WAIT",
          Data: JSON.stringify({ x: "x".repeat(bytes) }),
          Timestamp: q.now,
        })
      ).messages.map(readReply);
    // In thousandths: 16 MB take the evaluator long to read.
    expect(await q.value('require("fleet.slots").MAX_BYTES')).toBe(16 * 1024 * 1024);
    await q.eval('require("fleet.slots").MAX_BYTES = 16 * 1024');
    for (let i = 0; i < 16; i += 1) expect(await wait(address(`free-${i}`), 1_000)).toEqual([]);
    expect(await wait(address("small"), 10)).toEqual([]);
    // The bytes are used up: the caller with the most of them goes.
    const dropped = await wait(address("other"), 900);
    expect(dropped.map(({ target, data }) => [target, data.error?.code])).toEqual([
      [address("free-0"), "BUSY"],
    ]);
    const { bytes, count } = (await q.value(
      `(function() local c, b = require("fleet.slots").count() return { count = c, bytes = b } end)()`,
    )) as { bytes: number; count: number };
    expect([count, bytes <= 16 * 1024]).toEqual([17, true]);
    const { reply } = await q.send({ Action: "GET_STATISTICS" });
    expect(reply?.data.statistics).toMatchObject({ openRequests: 17, heldBytes: bytes });
    await q.drop();
  }, 60_000);
});

test("a program's calls for one caller, or for new ones, leave room for callers from before and for the fleet's own", async () => {
  const p = await boot("caller", {
    source: `local fleet = require("fleet")
fleet.process { name = "caller", version = "1.0.0" }
fleet.on("CALL", {}, function(data)
  for _ = 1, data.n do fleet.call("quiet", "Ask", {}, function() end) end
  return {}
end)`,
  });
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: PEERS } });
  const call = async (from: string, n: number) =>
    codeOf((await p.send({ From: from, Action: "CALL", Data: { n }, Timestamp: p.now })).reply);
  // Two were served before, and their calls have timed out since.
  const regulars = [address("regular"), address("another-regular")];
  for (const each of regulars) expect(await call(each, 1)).toBe("none");
  p.now += 11 * MINUTES;
  // A sixteenth of the real number.
  expect(await p.value('require("fleet.calls").MAX_OPEN')).toBe(4096);
  await p.eval('require("fleet.calls").MAX_OPEN = 256');
  // Below half of the calls nobody is limited.
  expect(await call(address("loud"), 128)).toBe("none");
  expect(await call(address("loud"), 1)).toBe("BUSY");
  expect(await call(address("other"), 32)).toBe("none");
  // However many new ones there are.
  for (let i = 0; i < 3; i += 1) expect(await call(address(`other-${i}`), 1)).toBe("BUSY");
  for (const each of regulars) expect(await call(each, 32)).toBe("none");
  expect(await call(regulars[0] ?? "", 1)).toBe("BUSY");
  expect(await call(OWNER, 20)).toBe("none");
  expect(await p.value("Fleet.store.calls.count")).toBe(128 + 3 * 32 + 20);
  await p.drop();
}, 60_000);

test("requests that an earlier version held are answered, and lose their places as those of new callers", async () => {
  const p = await base.clone();
  await ask(p, address("before"));
  // Its entries had neither rank, group, time nor bytes, and the store no counts.
  await p.eval(`local c = Fleet.store.calls
c.held, c.due, Fleet.store.callers = nil, nil, nil
for _, e in pairs(c.deferred) do e.rank, e.group, e.at, e.bytes = nil, nil, nil, nil end
for _, e in pairs(c.open) do e.by = nil end`);
  expect((await p.load({ epoch: 2, release: "r2" })).output).toContain('"committed"');
  expect(await held(p)).toBe(1);
  await setLimit(p, 1, "2");
  const { forwarded, dropped } = await ask(p, OWNER, "shop");
  expect([forwarded.length, dropped.map(({ target }) => target)]).toEqual([1, [address("before")]]);
  p.now += 3 * MINUTES;
  const late = await p.send({ From: address("x"), Action: "GET_TRAFFIC" });
  expect(late.messages.map(readReply).map(({ target, data }) => [target, data.error?.code])).toContainEqual([
    OWNER,
    "TIMEOUT",
  ]);
  await p.drop();
});

async function setLimit(p: Aos, maxConcurrentRequests: number, Epoch = "1"): Promise<void> {
  const Data = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests }, version: 1 };
  const { reply } = await p.send({ Action: "UPDATE_CONFIG", Epoch, Data, Timestamp: p.now });
  expect(reply?.data).toMatchObject({ success: true });
}

function route(data: object): Record<string, unknown> {
  return { Action: "ROUTE", Service: "", Data: data };
}

const bytesOf = (tags: readonly { name: string; value: unknown }[]) =>
  tags.reduce((sum, { name, value }) => sum + name.length + String(value).length, 0);
