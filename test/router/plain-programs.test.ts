/** Programs without any code of the fleet, behind a router, on real aos. */
import { beforeAll, describe, expect, test } from "vitest";
import { type FaultRule, faultOf } from "../../src/delivery/faults.ts";
import { TrafficStateSchema } from "../../src/delivery/wire.ts";
import { type Aos, address, boot, type Reply } from "../processes/aos.ts";
import { World } from "../processes/world.ts";

const PLAYER = address("player");
const ROUTER = `
local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve { open = { token = true, old = true, lib = true, some = { "Move" } } }
`;
/** A typical program: its own shape of replies, by every way that aos has for one. */
const TOKEN = `
local json = require("json")
Moves = Moves or 0
local function on(action, fn) Handlers.add(action, action, fn) end
on("Move", function(m) Moves = Moves + 1 m.reply({ Data = json.encode({ moves = Moves }) }) end)
on("Send", function(m) Moves = Moves + 1 Send({ Target = m.From, Action = "Moved", Data = json.encode({ moves = Moves }) }) end)
on("AoSend", function(m) Moves = Moves + 1 ao.send({ Target = m.From, Data = json.encode({ moves = Moves }) }) end)
on("Echo", function(m) m.reply({ Action = "Echo", Ticker = "TOK", ["Big"] = "9007199254740993", Data = m.Data }) end)
on("Who", function(m) m.reply({ Data = json.encode({ from = m.From, behalf = m["On-Behalf-Of"], quantity = m.Quantity, replyTo = m["Reply-To"], cron = m.Cron }) }) end)
on("Plain", function(m) m.reply({ Data = m.Kind == "empty" and "" or m.Kind }) end)
on("Table", function(m) m.reply({ Data = { moves = 7, list = { 1, 2 } } }) end)
on("Refuse", function(m) m.reply({ Action = "Transfer-Error", Error = "Insufficient Balance!" }) end)
on("Twice", function(m) Moves = Moves + 1 m.reply({ Data = "first" }) m.reply({ Data = "second" }) end)
on("Crash", function(m) Moves = Moves + 1 error("boom") end)
on("Silent", function(m) Moves = Moves + 1 end)
on("Fail", function(m) m.reply({ Data = json.encode({ success = false, error = "no such place" }) }) end)
`;
/** aos 1 has no msg.reply and no Reference: only the chain tells which request is answered. */
const OLD = `
Moves = Moves or 0
Handlers.add("Move", Handlers.utils.hasMatchingTag("Action", "Move"), function(m)
  Moves = Moves + 1
  ao.send({ Target = m.From, Data = require("json").encode({ moves = Moves }) })
end)
`;

let world: World;
const code = (reply: Reply | undefined) => reply?.data.error?.code ?? "ok";

async function plain(name: string, source: string, image?: string): Promise<Aos> {
  const process = await boot(name, { bare: true, ...(image === undefined ? {} : { image }) });
  const loaded = await process.eval(source);
  expect(loaded.error).toBeUndefined();
  return process;
}

beforeAll(async () => {
  world = new World();
  world.processes.set("router", await boot("router", { source: ROUTER }));
  world.processes.set("token", await plain("token", TOKEN));
  world.mayFail.add("token");
  world.processes.set("some", await plain("some", TOKEN));
  world.processes.set("closed", await plain("closed", TOKEN));
  world.processes.set("old", await plain("old", OLD, "aos.wasm"));
  const peers = Object.fromEntries(
    ["token", "some", "closed", "old"].map((name) => [name, world.get(name).id]),
  );
  await world.send("router", { Action: "WIRE_PEERS", Epoch: "1", Data: { peers } });
}, 60_000);

let count = 0;
const ask = async (service: string, action: string, more: Record<string, unknown> = {}) => {
  count += 1;
  const sent = { From: PLAYER, Action: action, Service: service, "Correlation-Id": `c${count}`, Data: "{}" };
  const { deliveries } = await world.send("router", { ...sent, ...more });
  const replies = deliveries.filter(({ target }) => target === PLAYER);
  expect(replies.every(({ correlationId }) => correlationId === `c${count}`)).toBe(true);
  return replies;
};
const one = async (...asked: Parameters<typeof ask>): Promise<Reply> => {
  const replies = await ask(...asked);
  expect(replies).toHaveLength(1);
  return replies[0] as Reply;
};

describe("a reply in the program's own shape is returned unchanged", () => {
  test.each(["Move", "Send", "AoSend"])("by %s", async (action) => {
    const before = Number(await world.get("token").value("Moves"));
    const reply = await one("token", action);
    expect(reply).toMatchObject({ action: `${action}-Response`, status: "ok" });
    expect(JSON.parse(reply.text)).toEqual({ moves: before + 1 });
    if (action === "Send") expect(reply.tags["Reply-Action"]).toBe("Moved");
  });

  test.each([
    ["a string", "hello", "hello"],
    ["a number", "222", "222"],
    ["a list", "[1,null,3]", "[1,null,3]"],
    ["half of a JSON document", '{"moves":', '{"moves":'],
    ["false", "false", "false"],
    ["null", "null", "null"],
    ["a large integer", '{"n":9007199254740993}', '{"n":9007199254740993}'],
    ["nothing", "empty", ""],
  ])("%s", async (_what, Kind, text) => {
    const reply = await one("token", "Plain", { Tags: { Kind } });
    expect([reply.action, reply.text]).toEqual(["Plain-Response", text]);
  });

  test("a table, and values in tags", async () => {
    expect(JSON.parse((await one("token", "Table")).text)).toEqual({ moves: 7, list: [1, 2] });
    const echo = await one("token", "Echo", { Data: "as it is" });
    expect(echo).toMatchObject({ text: "as it is", tags: { Ticker: "TOK", Big: "9007199254740993" } });
    expect(echo.tags["Reply-Action"]).toBe("Echo");
  });

  test("of two replies only the first counts", async () => {
    expect((await one("token", "Twice")).text).toBe("first");
  });

  test("of aos 1, whose replies name nothing, by the chain of messages", async () => {
    expect(JSON.parse((await one("old", "Move")).text)).toEqual({ moves: 1 });
  });
});

describe("a fault of a plain program", () => {
  test.each([
    ["Refuse", "SERVICE_FAULT", "Insufficient Balance!"],
    ["Fail", "SERVICE_FAULT", "no such place"],
  ])("%s is returned as an error with the program's own message", async (action, expected, words) => {
    const reply = await one("token", action);
    expect([reply.action, code(reply)]).toEqual(["Error-Response", expected]);
    expect(reply.data.error?.message).toContain(words);
  });

  test.each(["Crash", "Silent"])("%s, which gets no answer, is a TIMEOUT", async (action) => {
    const before = Number(await world.get("token").value("Moves"));
    expect(await ask("token", action)).toEqual([]);
    world.advance(61_000);
    const { deliveries } = await world.send("router", { Action: "Cron", Cron: true });
    const replies = deliveries.filter(({ target }) => target === PLAYER);
    expect(replies.map(code)).toEqual(["TIMEOUT"]);
    expect(await world.get("token").value("Moves")).toBe(action === "Silent" ? before + 1 : before);
  });
});

test("an unanswered forwarded request ends even if only forwarded requests arrive", async () => {
  expect(await ask("token", "Crash")).toEqual([]);
  const first = `c${count}`;
  const outcomes: unknown[] = [];
  for (let second = 0; second < 70; second += 10) {
    world.advance(10_000);
    const { deliveries } = await world.send("router", {
      From: PLAYER,
      Action: "Crash",
      Service: "token",
      "Correlation-Id": `of second ${second}`,
      Data: "{}",
    });
    outcomes.push(...deliveries.filter(({ correlationId }) => correlationId === first).map(code));
  }
  expect(outcomes).toEqual(["TIMEOUT"]);
  // Ends the later ones too, before the next test.
  world.advance(61_000);
  const { deliveries } = await world.send("router", { Action: "Cron", Cron: true });
  expect(deliveries.filter(({ target }) => target === PLAYER).map(code)).toContain("TIMEOUT");
});

describe("a forwarded request", () => {
  test("has the sender's data and tags, in the sender's name, without tags that could change its meaning", async () => {
    const Tags = {
      Quantity: "5",
      "Reply-To": address("thief"),
      Cron: "true",
      "X-Reference": "1",
      "On-Behalf-Of": "me",
    };
    const reply = await one("token", "Who", { Tags });
    expect(JSON.parse(reply.text)).toEqual({
      from: world.get("router").id,
      behalf: PLAYER,
      quantity: "5",
      cron: false,
    });
  });

  test.each([
    ["for a service that is not declared open", "closed", "Move", "ACTION_NOT_ROUTED"],
    ["for an action that the service does not list", "some", "Who", "ACTION_NOT_ROUTED"],
    ["for an unknown service", "none", "Move", "UNKNOWN_SERVICE"],
    ...[
      "RETIRE",
      "UPDATE_CONFIG",
      "WIRE_PEERS",
      "ADMIT_PEER",
      "EXPORT_STATE",
      "SET_TRAFFIC",
      "LOGS",
      "Cron",
      "Spawned",
    ].map((action) => [`for the fleet's own ${action}`, "token", action, "ACTION_NOT_ROUTED"]),
  ])("is refused %s", async (_what, service, action, expected) => {
    const before = world.get("token").slot;
    const asked = { service, action, data: {} };
    const { reply } = await world.send("router", { From: PLAYER, Action: "ROUTE", Data: asked });
    expect(code(reply)).toBe(expected);
    expect(world.get("token").slot).toBe(before);
  });

  test("for a listed action is sent", async () => {
    expect(JSON.parse((await one("some", "Move")).text)).toEqual({ moves: 1 });
  });
});

test("a service with the library accepts the router's word for the sender, once the deployer named the router", async () => {
  const service = `
local fleet = require("fleet")
fleet.process { name = "lib", version = "1.0.0", capabilities = {} }
fleet.on("WHO", {}, function(_, msg) return { player = fleet.player(msg) } end)
`;
  const lib = await boot("lib", { source: service });
  const id = world.get("router").id;
  const who = async (Data: object) => {
    await lib.send({ Action: "WIRE_PEERS", Epoch: "1", Data });
    const asked = { From: id, Action: "WHO", "On-Behalf-Of": PLAYER };
    return (await lib.send(asked)).reply?.data.player;
  };
  expect(await who({ peers: { front: id } })).toBe(id);
  expect(await who({ peers: { front: id }, router: id })).toBe(PLAYER);
});

test("two waiting requests of one chain to a program that names nothing get no guessed reply", async () => {
  const router = await boot("two", {
    source: `
local fleet = require("fleet")
fleet.process { name = "two", version = "1.0.0", capabilities = {} }
local got = fleet.state("got", {})
fleet.on("BOTH", {}, function()
  for i = 1, 2 do fleet.call("old", "Move", {}, function(answer) got[#got + 1] = { i, answer.success } end) end
  return {}
end)
`,
  });
  world.processes.set("two", router);
  const peers = { old: world.get("old").id };
  await world.send("two", { Action: "WIRE_PEERS", Epoch: "1", Data: { peers } });
  await world.send("two", { From: PLAYER, Action: "BOTH" });
  expect(await router.value("Fleet.store.states.got")).toEqual([]);
  world.advance(61_000);
  await world.send("two", { Action: "Cron", Cron: true });
  expect(await router.value("Fleet.store.states.got")).toHaveLength(2);
});

test("figures that cannot be kept are the router's fault, and the reply is delivered", async () => {
  const router = world.get("router");
  await router.eval(
    'require("fleet.router-metrics").count = function() return function() error("no room") end end',
  );
  const table = { release: "r1", step: 0, salt: "r1", services: {} };
  await router.eval(
    `Fleet.store.states.traffic.table = require("json").decode([[${JSON.stringify({
      ...table,
      mode: "steady",
      services: {
        token: {
          key: "sender",
          routes: [{ processId: world.get("token").id, revision: "r", weightBp: 10_000 }],
        },
      },
    })}]])`,
  );
  const before = Number(await world.get("token").value("Moves"));
  expect(JSON.parse((await one("token", "Move")).text)).toEqual({ moves: before + 1 });
  const logs = await world.send("router", { Action: "LOGS" });
  expect(logs.reply?.text).toContain("traffic metrics: ");
  expect(logs.reply?.text).toContain("no room");
});

describe("a table's rules for a service", () => {
  const set = async (services: object, release: string) => {
    const { reply } = await world.send("router", {
      Action: "SET_TRAFFIC",
      Epoch: "1",
      Data: { release, step: 0, salt: "s", services },
    });
    return code(reply);
  };
  const figures = async () => {
    const { reply } = await world.send("router", { From: PLAYER, Action: "GET_TRAFFIC" });
    const { metrics } = TrafficStateSchema.parse(reply?.data);
    return metrics?.services.token?.[world.get("token").id];
  };
  const routes = (name: string) => [{ processId: world.get(name).id, revision: "r", weightBp: 10_000 }];

  test("mark its faults and its refusals, and list its forwarded actions", async () => {
    const fresh = await boot("router", {
      source: ROUTER.replace(/serve \{.*\}/, "serve()"),
    });
    world.processes.set("router", fresh);
    for (const name of ["token", "closed"])
      await fresh.eval(
        `Fleet.store.states.traffic.proofs["${world.get(name).id}"] = { release = "r1", revision = "r", status = "proven", at = 0 }`,
      );
    const faultWhen = [
      { tag: "Error", matches: "Insufficient*", as: "refusal" },
      { field: "moves", equals: 7 },
    ];
    const services = {
      token: { key: "sender", routes: routes("token"), faultWhen },
      closed: { key: "sender", routes: routes("closed"), actions: ["Move"] },
    };
    expect(await set(services, "r1")).toBe("ok");
    expect(code(await one("token", "Refuse"))).toBe("SERVICE_REFUSED");
    expect(code(await one("token", "Table"))).toBe("SERVICE_FAULT");
    // Declared rules replace the default.
    expect((await one("token", "Fail")).status).toBe("ok");
    expect(await figures()).toMatchObject({ requests: 3, refused: 1, errors: 1, answered: 1 });
    expect((await one("closed", "Move")).status).toBe("ok");
    expect(code(await one("closed", "Send"))).toBe("ACTION_NOT_ROUTED");
  });

  test.each([
    ["a rule that checks no field", [{ tga: "Error" }]],
    ["a value that is not a list", { tag: "Error" }],
  ])("are refused with %s", async (_what, faultWhen) => {
    expect(await set({ token: { key: "sender", routes: routes("token"), faultWhen } }, "r1")).toBe(
      "INVALID_DATA",
    );
  });
});

test("Lua and TypeScript judge replies alike", async () => {
  const rules: (readonly FaultRule[] | undefined)[] = [
    undefined,
    [],
    [
      { tag: "Error", matches: "In*nt", as: "refusal" },
      { tag: "Action", matches: "a.b-*%" },
    ],
    [{ field: "state.code", equals: 500 }, { field: "ok", equals: false }, { field: "failed" }],
  ];
  const tags: Record<string, string>[] = [
    {},
    { Error: "Insufficient" },
    { Error: "" },
    { Action: "Transfer-Error" },
    { Action: "Error" },
    { Action: "Error-Response" },
    { Action: "a.b-c%" },
    { Action: "axb-c%" },
  ];
  const data = [
    "",
    "text",
    "7",
    "[1]",
    '{"success":false}',
    '{"success":"no"}',
    '{"state":{"code":500}}',
    '{"state":7}',
  ];
  data.push('{"ok":false}', '{"failed":true}', '{"failed":""}', '{"failed":{}}', '{"failed":0}');
  const cases = rules.flatMap((rule) => tags.flatMap((tag) => data.map((text) => ({ rule, tag, text }))));
  const lua = await world.get("router").value(`(function()
    local json, faults, out = require("fleet.json"), require("fleet.faults"), {}
    for i, one in ipairs(json.decode([==[${JSON.stringify(cases)}]==])) do
      local data
      if one.text ~= "" then data = json.decode(one.text) end
      out[i] = faults.judge(one.tag, data, one.rule) or "none"
    end
    return out
  end)()`);
  expect(lua).toEqual(cases.map(({ rule, tag, text }) => faultOf({ tags: tag, data: text }, rule) ?? "none"));
  expect(new Set(lua as string[])).toEqual(new Set(["none", "fault", "refusal"]));
});
