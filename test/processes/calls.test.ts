import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, MESSENGER, OWNER, readReply, type SendResult, sentFor } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const STRANGER = address("stranger");
const FRIEND = address("friend");
const COORDINATOR = address("the-coordinator");
let base: Aos;

beforeAll(async () => {
  base = await boot("counter", { source: COUNTER });
  await base.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { friend: FRIEND } } });
}, 60_000);

const tagOf = (result: SendResult, name: string) =>
  result.messages[0]?.Tags.find((tag) => tag.name === name)?.value ?? "";
const ask = (p: Aos, data: object = {}, correlation = "q") =>
  p.send({ From: STRANGER, Action: "ASK", Data: data, "Correlation-Id": correlation });
/** Answers a call as the library of the peer does. */
const answer = (p: Aos, asked: SendResult, data: unknown, more: Record<string, unknown> = {}) =>
  p.send({
    From: FRIEND,
    Owner: MESSENGER,
    Action: "PING-Response",
    "Correlation-Id": tagOf(asked, "Correlation-Id"),
    ...sentFor(p.id, tagOf(asked, "Reference")),
    Data: data,
    ...more,
  });

test("a call carries the action and a correlation id, and its reply answers the original sender", async () => {
  const p = await base.clone();
  const asked = await ask(p);
  expect(asked.messages).toHaveLength(1);
  expect(asked.messages[0]).toMatchObject({ Target: FRIEND, Data: '{"x":1}' });
  expect(tagOf(asked, "Action")).toBe("PING");
  const done = await answer(p, asked, { success: true, pong: 1 });
  expect(done.messages).toHaveLength(1);
  expect(done.messages[0]?.Target).toBe(STRANGER);
  expect(JSON.parse(done.messages[0]?.Data ?? "")).toEqual({
    success: true,
    got: { success: true, pong: 1 },
    n: 1,
  });
  expect(tagOf(done, "Correlation-Id")).toBe("q");
  expect(tagOf(done, "Action")).toBe("ASK-Response");
});

test("a reply counts once, and only from the process that was called", async () => {
  const p = await base.clone();
  const asked = await ask(p);
  for (const forged of [
    { From: STRANGER, Owner: STRANGER },
    { "Correlation-Id": "other" },
    { Action: "PING" },
  ]) {
    await answer(p, asked, { success: true }, forged);
  }
  expect(await p.value("Fleet.store.states.counter.n")).toBe(0);
  expect((await answer(p, asked, { success: true })).messages).toHaveLength(1);
  expect((await answer(p, asked, { success: true })).messages).toHaveLength(0);
  expect(await p.value("Fleet.store.states.counter.n")).toBe(1);
});

test.each([
  ["an error", { success: false, error: { code: "NOPE", message: "m", remedy: "r" } }, "NOPE"],
  ["no JSON", "oops", "SERVICE_FAULT"],
  ["an error without a shape", { success: false, error: "text" }, "SERVICE_FAULT"],
  ["an error with nothing", { success: false }, "SERVICE_FAULT"],
])("a reply that is %s is returned as %s", async (_what, data, code) => {
  const p = await base.clone();
  const done = await answer(p, await ask(p), data, { Action: "Error-Response" });
  expect(JSON.parse(done.messages[0]?.Data ?? "").error.code).toBe(code);
});

test("a repeated request is answered once while it is open, and afterwards with the same answer", async () => {
  const p = await base.clone();
  const asked = await ask(p);
  expect((await ask(p)).messages).toHaveLength(0);
  const done = await answer(p, asked, { success: true });
  const again = await ask(p);
  expect(again.messages).toHaveLength(1);
  expect(again.messages[0]?.Data).toBe(done.messages[0]?.Data);
});

test("an overdue call is given up at the next message, by scheduler time", async () => {
  const p = await base.clone();
  await ask(p);
  p.now += 29_000;
  expect((await p.send({ From: STRANGER, Action: "PING" })).messages).toHaveLength(2);
  const q = await base.clone();
  await ask(q);
  q.now += 20_000;
  expect((await q.send({ From: STRANGER, Action: "PING" })).messages).toHaveLength(1);
  q.now += 10_000;
  const late = await q.send({ From: STRANGER, Action: "UNKNOWN" });
  expect(late.messages.map((message) => JSON.parse(message.Data ?? "").error.code)).toEqual([
    "TIMEOUT",
    "UNKNOWN_ACTION",
  ]);
});

test("who gets no answer in time is told to check first, because the request may have been performed", async () => {
  const remedyOf = ({ messages }: SendResult, code: string) =>
    messages.map(({ Data }) => JSON.parse(Data ?? "").error).find((error) => error?.code === code)?.remedy;
  const p = await base.clone();
  await ask(p);
  p.now += 30_000;
  expect(remedyOf(await p.send({ From: STRANGER, Action: "PING" }), "TIMEOUT")).toBe(
    "friend may have performed it. Check that before you send the request again.",
  );
  // The program answers neither in its continuation nor later.
  const q = await boot("silent", {
    source: `local fleet = require("fleet")
fleet.process { name = "silent", processType = "TEST", version = "1.0.0" }
fleet.on("WAIT", {}, function(_, msg) return fleet.later(msg) end)`,
  });
  await q.send({ From: STRANGER, Action: "WAIT" });
  q.now += 4 * 30_000;
  expect(remedyOf(await q.send({ From: STRANGER, Action: "PING" }), "TIMEOUT")).toBe(
    "The request may have been performed. Check that before you send it again.",
  );
  const r = await base.clone();
  await ask(r);
  expect(remedyOf(await r.send({ Action: "RETIRE", Epoch: "1" }), "GONE")).toBe(
    "The request may have been performed: check that. Ask the fleet which process replaced this one.",
  );
});

describe("an overdue call is given up whoever handles the next message", () => {
  const OWN = `Handlers.add("own", "Own", function(m) Send({ Target = m.From, Data = "own" }) end)`;
  test.each([
    ["a handler of the program", { From: STRANGER, Action: "Own" }, "aos2_0_3.wasm"],
    ["a handler of the program, in aos 2.0.6", { From: STRANGER, Action: "Own" }, "aos2_0_6.wasm"],
    ["the owner's Eval", { Action: "Eval", Data: "return 1" }, "aos2_0_6.wasm"],
    ["the inbox", { From: STRANGER, Data: "hello" }, "aos2_0_3.wasm"],
  ])("%s", async (_what, message, image) => {
    const p = await boot("counter", { source: COUNTER, image });
    await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { friend: FRIEND } } });
    await p.eval(OWN);
    await ask(p);
    const outcomesOf = ({ messages }: SendResult) =>
      messages
        .filter(({ Tags }) => Tags.some(({ name, value }) => name === "Correlation-Id" && value === "q"))
        .map(({ Target, Data }) => [Target, JSON.parse(Data ?? "").error?.code]);
    p.now += 20_000;
    expect(outcomesOf(await p.send(message))).toEqual([]);
    p.now += 10_000;
    expect(outcomesOf(await p.send(message))).toEqual([[STRANGER, "TIMEOUT"]]);
    expect(outcomesOf(await p.send(message))).toEqual([]);
  });

  test("unless that message answers it, however late", async () => {
    const p = await base.clone();
    const asked = await ask(p);
    p.now += 3_600_000;
    const done = await answer(p, asked, { success: true });
    expect(done.messages.map(({ Data }) => JSON.parse(Data ?? "").success)).toEqual([true]);
  });
});

test("a continuation that fails answers that the request may have changed the process before, and its globals", async () => {
  const p = await boot("payer", {
    source: `local fleet = require("fleet")
fleet.process { name = "payer", processType = "TEST", version = "1.0.0" }
local S = fleet.state("payer", { gold = 100 })
Paid = 0
fleet.on("BUY", {}, function(_, msg)
  S.gold = S.gold - 5
  fleet.later(msg)
  fleet.call("friend", "RESERVE", {}, function() Paid = Paid + 1 S.gold = 0 error("no shelf") end)
end)`,
  });
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { friend: FRIEND } } });
  for (const [success, remedy] of [
    [true, "friend has performed it, and the request may have changed this process before."],
    [false, "The request may have changed this process before."],
  ] as const) {
    const copy = await p.clone();
    const asked = await copy.send({ From: STRANGER, Action: "BUY", "Correlation-Id": "q" });
    const done = await answer(copy, asked, { success }, { Action: "RESERVE-Response" });
    const { error } = JSON.parse(done.messages.find(({ Target }) => Target === STRANGER)?.Data ?? "");
    expect(error.code).toBe("INTERNAL");
    expect(error.remedy).toContain(remedy);
    expect(error.remedy).not.toMatch(/nothing was changed/i);
    expect(await copy.value("{ Fleet.store.states.payer.gold, Paid }")).toEqual([95, 1]);
  }
});

test("a continuation that fails changes no state and answers INTERNAL", async () => {
  const p = await base.clone();
  const done = await answer(p, await ask(p, { fail: true }), { success: true });
  const reply = done.messages.find(({ Target }) => Target === STRANGER);
  const { error } = JSON.parse(reply?.Data ?? "");
  // The peer's effect remains: nothing is claimed about it.
  expect(error).toMatchObject({ code: "INTERNAL", doneBy: "friend" });
  expect(await p.value("Fleet.store.states.counter.n")).toBe(0);
  expect(await p.value("Fleet.store.stats.errors")).toBe(1);
});

test("a program's own handler that raises an error changes nothing in the process, not even a count", async () => {
  const p = await base.clone();
  await p.eval(
    'Raised = 0 Handlers.add("raises", "Raise", function() Raised = Raised + 1 error("boom") end)',
  );
  const raised = await p.send({ From: STRANGER, Action: "Raise" });
  expect(raised).toMatchObject({ error: expect.stringContaining("boom"), messages: [] });
  expect(await p.value("{ Raised, Fleet.store.stats.errors, #Errors }")).toEqual([0, 0, 0]);
});

describe("the library's work after a handler", () => {
  test.each([
    ["audit", "record", { From: OWNER, Action: "FOR_DEPLOYERS" }, "ok"],
    ["audit", "record", { From: STRANGER, Action: "FOR_DEPLOYERS" }, "error"],
    ["stats", "ran", { From: STRANGER, Action: "ADD", Data: { by: 1 } }, "ok"],
    ["stats", "count", { From: STRANGER, Action: "ADD", Data: { by: 1 } }, "ok"],
    ["once", "finish", { From: STRANGER, Action: "ADD_ONCE", Data: { by: 1 } }, "ok"],
    ["stats", "refused", { From: STRANGER, Action: "ADD", Data: { by: 0 } }, "error"],
  ])(
    "may fail in %s.%s: the reply is delivered, the effect remains, and the fault is logged",
    async (module, name, message, status) => {
      const p = await base.clone();
      await p.eval(`require("fleet.${module}").${name} = function() error("no room") end`);
      const { error, messages } = await p.send(message);
      expect(error).toBeUndefined();
      const replies = messages
        .map(readReply)
        .filter(({ target, tags }) => target === message.From && !tags["Fleet-Notice"]);
      expect(replies.map((one) => one.status)).toEqual([status]);
      const added = status === "ok" && message.Action.startsWith("ADD") ? 1 : 0;
      expect(await p.value("Fleet.store.states.counter.n")).toBe(added);
      const logs = await p.value("Fleet.store.logs");
      expect(JSON.stringify(logs)).toContain("no room");
    },
  );
});

test.each([
  ["a string", "oops", { success: true, data: "oops" }],
  ["a number", "7", { success: true, data: 7 }],
  ["a list", "[1,2]", { success: true, data: [1, 2] }],
  ["nothing", "", { success: true, data: "" }],
  ["an object of its own", { moves: 222 }, { success: true, moves: 222 }],
  ["a success that is no boolean", { success: "yes" }, { success: true }],
])("a reply of another shape is accepted: %s", async (_what, data, expected) => {
  const p = await base.clone();
  const done = await answer(p, await ask(p), data);
  expect(JSON.parse(done.messages[0]?.Data ?? "").got).toEqual(expected);
});

test("a reply is matched by aos' X-Reference, whatever its action, and only from the process that was called", async () => {
  const p = await base.clone();
  const asked = await ask(p);
  const reference = String(tagOf(asked, "Reference"));
  const say = (From: string, tags: Record<string, string>) =>
    p.send({
      ...{ From, Owner: MESSENGER, Data: '{"moves":1}' },
      Tags: { ...tags, ...sentFor(p.id, reference) },
    });
  expect((await say(STRANGER, { "X-Reference": reference })).messages).toEqual([]);
  expect((await say(FRIEND, { "X-Reference": `${reference}0` })).messages).toEqual([]);
  const done = await say(FRIEND, { "X-Reference": reference, Action: "PING" });
  expect(JSON.parse(done.messages[0]?.Data ?? "").got).toMatchObject({ moves: 1 });
});

test("a reply that names nothing is matched by its chain, if the messenger names it and only one call waits", async () => {
  const p = await base.clone();
  const root = "r".repeat(43);
  await p.send({ From: STRANGER, Owner: MESSENGER, Action: "ASK", Data: {}, Tags: { "Pushed-For": root } });
  const say = (tags: Record<string, string>, Owner = MESSENGER) =>
    p.send({ From: FRIEND, Owner, Data: "plain", Tags: tags });
  expect((await say({ "Pushed-For": "s".repeat(43) })).messages).toEqual([]);
  // A direct signer may write any tags.
  expect((await say({ "Pushed-For": root }, FRIEND)).messages).toEqual([]);
  // A request of the same chain and an answer to another message do not answer this one.
  const asking = await say({ "Pushed-For": root, Action: "TIME" });
  expect(asking.messages.map(({ Target }) => Target)).toEqual([FRIEND]);
  expect((await say({ "Pushed-For": root, "X-Reference": "999999" })).messages).toEqual([]);
  expect((await say({ "Pushed-For": root, "Fleet-Notice": "STARTUP" })).messages).toEqual([]);
  const done = await say({ "Pushed-For": root });
  expect(JSON.parse(done.messages[0]?.Data ?? "").got).toEqual({ success: true, data: "plain" });
});

describe("whoever has a peer send a message with the ids of a call, it answers the call only if it was sent for it", () => {
  const CHAIN = "r".repeat(43);
  /** A call, and what its reply names: anybody can read all of it. */
  async function called(p: Aos) {
    const asked = await p.send({ From: STRANGER, Action: "ASK", Data: {}, "Correlation-Id": "q", Id: CHAIN });
    const [correlation, reference] = [tagOf(asked, "Correlation-Id"), tagOf(asked, "Reference")];
    const say = async (tags: Record<string, string>) => {
      const ids = { "Correlation-Id": correlation, "X-Reference": reference };
      const message = { From: FRIEND, Owner: MESSENGER, Action: "PING-Response", Data: { success: true } };
      const { messages } = await p.send({ ...message, Tags: { ...ids, ...tags } });
      return messages.filter(({ Target }) => Target === STRANGER).length;
    };
    return { reference, say };
  }

  test("by what the library of the peer says", async () => {
    const p = await base.clone();
    const { reference, say } = await called(p);
    // The network's chain does not count then.
    for (const forged of [sentFor(STRANGER, reference), sentFor(p.id, `${reference}0`), sentFor(p.id, "-")])
      expect(await say({ ...forged, "Pushed-For": CHAIN })).toBe(0);
    expect(await say(sentFor(p.id, reference))).toBe(1);
  });

  test("else by the last chain that the message names, because the messenger appends its own", async () => {
    const p = await base.clone();
    const { say } = await called(p);
    expect(await say({})).toBe(0);
    expect(await say({ "Pushed-For": "s".repeat(43) })).toBe(0);
    // A messenger adds no chain to what a cron caused: then one of the program comes before the messenger's other tags.
    expect(await say({ "Pushed-For": CHAIN, "From-Module": "m" })).toBe(0);
    expect(await say({ "Pushed-For": CHAIN })).toBe(1);
  });

  test("what a peer without the library says of itself does not count: it may be copied", async () => {
    const p = await base.clone();
    const Data = { peers: { friend: FRIEND }, withoutLibrary: ["friend"] };
    await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data });
    const { reference, say } = await called(p);
    expect(await say(sentFor(p.id, reference))).toBe(0);
    expect(await say({ ...sentFor(STRANGER, reference), "Pushed-For": CHAIN })).toBe(1);
  });
});

test("a number that a program copied into a message names no other request", async () => {
  const p = await base.clone();
  await p.eval(`Handlers.add("copy", "Copy", function(m)
    ao.send({ Target = m.Recipient, Action = "Ask", Tags = { Reference = m["X-Number"] } })
  end)`);
  const next = String(Number(tagOf(await ask(p, {}, "first"), "Reference")) + 2);
  const Tags = { "X-Number": next, Recipient: FRIEND };
  const copied = await p.send({ From: STRANGER, Action: "Copy", Tags });
  const numbers = copied.messages[0]?.Tags.filter(({ name }) => name === "Reference").map(
    ({ value }) => value,
  );
  expect(numbers).toEqual([String(Number(next) - 1), next]);
  // The friend's library names the number that aos gave the message, not the one of the next call.
  const friend = await base.clone();
  await friend.eval('Handlers.add("echo", "Ask", function(m) ao.send({ Target = m.From, Data = "1" }) end)');
  const echoed = await friend.send({
    From: p.id,
    Owner: MESSENGER,
    Action: "Ask",
    Tags: { Reference: numbers ?? [] },
    Id: address("asked"),
  });
  expect(tagOf(echoed, "Fleet-Sent-For")).toBe(`${p.id} ${numbers?.[0]} ${address("asked")}`);
});

test("a call whose program copied the tags of its message is answered: what answers go by is the call's own", async () => {
  const p = await base.clone();
  await p.eval(`Handlers.add("copy", "Copy", function(m)
    local tags = {}
    for name, value in pairs(m.Tags) do if name ~= "Action" then tags[name] = value end end
    require("fleet").call("friend", "PING", { x = 1 }, function(r) Got = r.pong end, { tags = tags })
  end)`);
  const Tags = {
    Reference: "1",
    REFERENCE: "1",
    Ref_: "1",
    "X-Reference": "1",
    "x-reference": "1",
    "Correlation-Id": "1",
    "Reply-To": STRANGER,
    "X-Kept": "2",
  };
  const asked = await p.send({ From: STRANGER, Action: "Copy", Tags });
  const [call] = asked.messages;
  const named = (name: RegExp) => call?.Tags.filter((tag) => name.test(tag.name)).map(({ value }) => value);
  expect(named(/^X-Kept$/i)).toEqual(["2"]);
  expect(named(/^(x-reference|ref_|reply-to)$/i)).toEqual([]);
  expect(named(/^(reference|correlation-id)$/i)).toHaveLength(2);
  expect(named(/^(reference|correlation-id)$/i)).not.toContain("1");
  await answer(p, asked, { success: true, pong: 7 });
  expect(await p.value("Got")).toBe(7);
});

test.each([
  [
    "of aos 2, before tags of the program",
    [
      ["Reference", "4"],
      ["Ref_", "9"],
      ["Reference", "9"],
    ],
  ],
  [
    "of aos 1, before tags of the program",
    [
      ["Ref_", "4"],
      ["Reference", "9"],
      ["Ref_", "9"],
    ],
  ],
])("the number of a message is that %s", async (_which, list) => {
  const p = await base.clone();
  await p.eval(`Handlers.add("echo", "Ask", function(m) ao.send({ Target = m.From, Data = "1" }) end)`);
  const Tags: Record<string, string[]> = {};
  for (const [name = "", value = ""] of list) Tags[name] = [...(Tags[name] ?? []), value];
  const echoed = await p.send({ From: FRIEND, Owner: MESSENGER, Action: "Ask", Tags, Id: address("asked") });
  expect(tagOf(echoed, "Fleet-Sent-For")).toBe(`${FRIEND} 4 ${address("asked")}`);
});

test("on aos 1, a call is matched by aos' number, and by nothing that its program copied", async () => {
  const p = await boot("counter", { bare: true, image: "aos.wasm" });
  await p.load({ source: COUNTER });
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { friend: FRIEND } } });
  const chain = address("chain");
  const asked = await p.send({ From: STRANGER, Action: "ASK", Data: {}, Id: chain });
  const number = tagOf(asked, "Ref_");
  expect(number).toMatch(/^\d+$/);
  const say = async (reference: string) => {
    const Tags = {
      "Correlation-Id": tagOf(asked, "Correlation-Id"),
      "Pushed-For": chain,
      ...sentFor(p.id, reference),
    };
    const { messages } = await p.send({
      From: FRIEND,
      Owner: MESSENGER,
      Action: "PING-Response",
      Data: {},
      Tags,
    });
    return messages.filter(({ Target }) => Target === STRANGER).length;
  };
  expect(await say(`${number}0`)).toBe(0);
  expect(await say(number)).toBe(1);
});

test("a response that a process sends to itself is the answer, and no other message of the process is", async () => {
  const p = await base.clone();
  await p.eval(`
    require("fleet").on("WAKE", { who = "anyone" }, function(_, m)
      require("fleet").later(m)
      require("fleet").ask(ao.id, "DAWN-Response", { hour = 6 }, function(reply) require("fleet").reply(m, { hour = reply.hour }) end)
    end)
    Handlers.add("copy", "Copy", function(m)
      ao.send({ Target = ao.id, Data = m.Data, Tags = {
        { name = "Action", value = "DAWN-Response" }, { name = "Correlation-Id", value = m["X-Call"] },
        { name = "X-Reference", value = m["X-Number"] }, { name = "Reference", value = m["X-Number"] },
      } })
    end)`);
  const woken = await p.send({ From: STRANGER, Action: "WAKE", Data: {} });
  const [own] = woken.messages;
  const tagsOf = (message: SendResult["messages"][number] | undefined) =>
    Object.fromEntries((message?.Tags ?? []).map(({ name, value }) => [name, value]));
  const deliver = (message: SendResult["messages"][number] | undefined) =>
    p.send({ From: p.id, Owner: MESSENGER, Tags: tagsOf(message), Data: message?.Data ?? "" });
  expect(own?.Target).toBe(p.id);
  const { "Correlation-Id": call = "", Reference: number = "" } = tagsOf(own);
  for (const From of [STRANGER, p.id]) {
    const Tags = { "X-Call": call, "X-Number": number, Reference: "1" };
    const copied = await p.send({ From, Owner: MESSENGER, Action: "Copy", Tags, Data: '{"hour":3}' });
    expect(copied.messages.map(({ Target }) => Target)).toEqual([p.id]);
    expect((await deliver(copied.messages[0])).messages).toEqual([]);
  }
  const answered = await deliver(own);
  expect(answered.messages.map(({ Target, Data }) => [Target, JSON.parse(Data ?? "")])).toEqual([
    [STRANGER, { success: true, hour: 6 }],
  ]);
});

test("every message that a process sends names the request that it is sent for, whatever the program says", async () => {
  const p = await base.clone();
  await p.eval(`Handlers.add("say", "Say", function(m)
    ao.send({ Target = "x", ["fleet-sent-for"] = "a", Tags = { ["Fleet-Sent-For"] = "b" } })
    m.reply({ ["Fleet-Sent-For"] = "c" })
  end)`);
  const Tags = { Reference: "9", "Fleet-Sent-For": "d" };
  const sent = await p.send({ From: FRIEND, Owner: MESSENGER, Action: "Say", Tags, Id: address("handled") });
  const said = sent.messages.map((message) =>
    message.Tags.filter(({ name }) => name.toLowerCase() === "fleet-sent-for").map(({ value }) => value),
  );
  const named = `${FRIEND} 9 ${address("handled")}`;
  expect(said).toEqual([[named], [named]]);
});

test("PROCESS_CONFIG limits how many calls wait, and for how long", async () => {
  const p = await base.clone();
  const config = {
    configType: "PROCESS_CONFIG",
    configData: { maxConcurrentRequests: 2, requestTimeout: 5000 },
    version: 1,
  };
  await p.send({ Action: "UPDATE_CONFIG", Epoch: "1", Data: config });
  await ask(p, {}, "1");
  await ask(p, {}, "2");
  expect((await ask(p, {}, "3")).reply?.data.error?.code).toBe("BUSY");
  p.now += 4000;
  const freed = await ask(p, {}, "4");
  expect(freed.messages.map((message) => message.Target).sort()).toEqual([FRIEND, STRANGER, STRANGER].sort());
});

test("a call to a peer that is not wired is a typed error", async () => {
  const p = await boot("counter", { source: COUNTER });
  expect((await ask(p)).reply?.data.error?.code).toBe("PEER_UNKNOWN");
});

test("on retirement waiting callers are answered, and a late reply changes nothing", async () => {
  const p = await base.clone();
  const asked = await ask(p);
  const retired = await p.send({ Action: "RETIRE", Epoch: "1" });
  expect(
    retired.messages.map((message) => [message.Target, JSON.parse(message.Data ?? "").error?.code]),
  ).toEqual([
    [STRANGER, "GONE"],
    [p.owner, undefined],
  ]);
  expect((await answer(p, asked, { success: true })).messages).toHaveLength(0);
  expect(await p.value("Fleet.store.states.counter.n")).toBe(0);
});

describe("a process' own notices", () => {
  const wire = (p: Aos) =>
    p.send({ Action: "WIRE_PEERS", Epoch: "9", Data: { peers: { "deployment-coordinator": COORDINATOR } } });
  const to = (result: SendResult) => result.messages.filter((message) => message.Target === COORDINATOR);

  test("are STARTUP once per release, once it knows the deployment coordinator", async () => {
    const p = await boot("counter", { source: COUNTER });
    const first = to(await wire(p));
    expect(first).toHaveLength(1);
    expect(first[0]?.Tags).toContainEqual({ name: "Action", value: "STARTUP" });
    expect(JSON.parse(first[0]?.Data ?? "")).toMatchObject({
      name: "counter",
      version: "1.0.0",
      release: "r1",
      epoch: 9,
    });
    expect(to(await wire(p))).toHaveLength(0);
    expect(to(await p.load({ epoch: 9, release: "r2" }))).toHaveLength(1);
    expect(to(await p.load({ epoch: 9, release: "r2" }))).toHaveLength(0);
  });

  test("are STARTUP and Error to the owner if it knows no coordinator", async () => {
    const p = await boot("counter", { source: COUNTER });
    const toOwner = (result: SendResult) =>
      result.messages
        .filter((message) => message.Target === p.owner)
        .map(({ Tags }) => Tags.find(({ name }) => name === "Action")?.value);
    expect(toOwner(await p.load({ epoch: 9, release: "r2" }))).toEqual(["STARTUP"]);
    expect(toOwner(await p.load({ epoch: 9, release: "r2" }))).toEqual([]);
    expect(toOwner(await p.send({ From: STRANGER, Action: "FOR_FUNCTION" }))).toEqual(["Error"]);
  });

  test("are one Error per minute at most", async () => {
    const p = await base.clone();
    await wire(p);
    const fail = () => p.send({ From: STRANGER, Action: "FOR_FUNCTION" });
    const first = to(await fail());
    expect(first).toHaveLength(1);
    expect(JSON.parse(first[0]?.Data ?? "")).toMatchObject({
      name: "counter",
      action: "FOR_FUNCTION",
      message: expect.stringContaining("the rule itself fails"),
    });
    expect(to(await fail())).toHaveLength(0);
    p.now += 60_000;
    expect(to(await fail())).toHaveLength(1);
  });
});
