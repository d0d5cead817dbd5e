/**
 * Every way into a process × every limit. The ways are read from the process' own table of actions and handlers, so a new action, and a new
 * handler of the library that takes requests, are in it by themselves. A handler of the program's own is none of the library's: it has a test of its own.
 */
import { describe, expect, test } from "vitest";
import { type Aos, address, boot, type SendOptions } from "./aos.ts";

/** An action of each kind, behind a router of its own. */
const KINDS = `local fleet = require("fleet")
fleet.process { name = "kinds", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
local S = fleet.state("kinds", { n = 0 })
local function change() S.n = S.n + 1 return { n = S.n } end
fleet.on("CHANGE", {}, change)
fleet.on("CHANGE_ONCE", { once = true }, change)
fleet.on("CHANGE_WITHOUT_DATA", { data = false }, change)
fleet.on("READ", { readonly = true }, function() return { n = S.n } end)
fleet.on("LATER", {}, function(_, msg) return fleet.later(msg) end)
fleet.on("LATER_ONCE", { once = true }, function(_, msg) return fleet.later(msg) end)
fleet.on("FOR_PEERS", { who = "peer" }, change)
fleet.on("FOR_DEPLOYERS", { who = { "deployer" } }, change)
fleet.on("FOR_OWNERS", { who = "owner" }, change)
fleet.on("FOR_A_RULE", { who = function(msg) return msg.From == "somebody" end }, change)
fleet.on("CONTROL", { who = "deployer", control = true }, change)
require("fleet.carry").serve { open = { shop = true } }
`;

/** A way into a process, as its own tables describe it. */
interface Way {
  readonly name: string;
  /** Name of the handler, if the way is not recognised by its action. */
  readonly handler?: string;
  readonly always: boolean;
  readonly readonly: boolean;
  readonly data: boolean;
  readonly open: boolean;
  /** Never answers, so only its counts tell that it refused. */
  readonly silent: boolean;
}

const WAYS = `(function()
  local registry, list = require("fleet.registry"), {}
  local function add(name, entry, handler)
    list[#list + 1] = {
      name = name, handler = handler, always = entry.always == true, readonly = entry.readonly == true,
      silent = entry.silent == true, data = entry.data ~= false, open = (entry.who == nil or entry.who == "anyone") and not entry.control,
    }
  end
  for _, name in ipairs(registry.actions()) do add(name, registry.find(name)) end
  for handler, entry in pairs(registry.ways()) do add(handler, entry, handler) end
  return list
end)()`;

/** The library's handlers in aos, whatever their names. */
const HANDLERS = `(function()
  local handlers, names = require("fleet.handlers"), {}
  for _, each in ipairs(Handlers.list) do
    if handlers.isOwn(each.pattern) then names[#names + 1] = each.name end
  end
  return names
end)()`;

const SERVICE = { Action: "BUY", Service: "shop" };
/** A message for each way that is not recognised by its action: a new one needs a line here. */
const MESSAGES: Readonly<Record<string, SendOptions>> = {
  "ao-fleet.service": SERVICE,
  "coordinator.service": SERVICE,
};

let strangers = 0;
const stranger = () => address(`stranger-${++strangers}`);

class Subject {
  readonly process: Aos;
  #version = 0;

  constructor(process: Aos) {
    this.process = process;
  }

  /** The code of the answer; "ok" for success, "none" without one. */
  async code(way: Way, from: string, more: SendOptions = {}): Promise<string> {
    const message = way.handler === undefined ? { Action: way.name } : MESSAGES[way.handler];
    if (message === undefined) throw new Error(`no message for the way ${way.handler}`);
    const { reply, error } = await this.process.send({ Data: "{}", ...message, From: from, ...more });
    expect(error).toBeUndefined();
    return reply === undefined ? "none" : (reply.data.error?.code ?? "ok");
  }

  async control(Action: string, Data: object): Promise<void> {
    const { reply } = await this.process.send({ Action, Epoch: "1", Data });
    expect(reply?.data, Action).toMatchObject({ success: true });
  }

  async largest(bytes: number): Promise<void> {
    const router = `local ok, carry = pcall(require, "fleet.carry") if ok then carry.MAX_BYTES = ${bytes} end`;
    const { error } = await this.process.eval(`require("fleet.dispatch").MAX_BYTES = ${bytes} ${router}`);
    expect(error).toBeUndefined();
  }

  configure(configType: string, configData: object): Promise<void> {
    this.#version += 1;
    return this.control("UPDATE_CONFIG", { configType, configData, version: this.#version });
  }
}

/** What a limit answers to a stranger, by way; undefined if it does not apply. */
interface Limit {
  readonly name: string;
  set(subject: Subject): Promise<void>;
  unset(subject: Subject): Promise<void>;
  applies(way: Way): boolean;
  readonly code: string;
  /** Asks as often as the limit allows; by default not at all. */
  before?(subject: Subject, way: Way, from: string): Promise<unknown>;
  readonly more?: SendOptions;
}

const RANGE = { salt: "s", from: 0, to: 10_000 };

const LIMITS: readonly Limit[] = [
  {
    name: "RATE_LIMITS",
    set: (p) => p.configure("RATE_LIMITS", { "*": { capacity: 1, perSecond: 0.0001 } }),
    before: (p, way, from) => p.code(way, from),
    applies: () => true,
    code: "RATE_LIMITED",
    unset: (p) => p.configure("RATE_LIMITS", { "*": { capacity: 100_000, perSecond: 100_000 } }),
  },
  ...["HIGH", "MAXIMUM"].map((authLevel) => ({
    name: `authLevel ${authLevel}`,
    set: (p: Subject) => p.configure("SECURITY_CONFIG", { authLevel }),
    applies: (way: Way) => !way.readonly,
    code: "FORBIDDEN",
    unset: (p: Subject) => p.configure("SECURITY_CONFIG", { authLevel: "STANDARD" }),
  })),
  {
    name: "maxMemoryMB",
    set: (p) => p.configure("RESOURCE_LIMITS", { maxMemoryMB: 0.1 }),
    applies: (way) => !way.readonly,
    code: "MEMORY_LIMIT",
    unset: (p) => p.configure("RESOURCE_LIMITS", { maxMemoryMB: 500 }),
  },
  {
    // 1 MB, which takes the evaluator long to read.
    name: "the size of Data",
    set: (p) => p.largest(1000),
    applies: (way) => way.data,
    code: "TOO_LARGE",
    more: { Data: `"${"x".repeat(1000)}"` },
    unset: (p) => p.largest(1024 * 1024),
  },
  {
    name: "sealed keys",
    set: (p) => p.control("SEAL_KEYS", RANGE),
    applies: () => true,
    code: "DRAINING",
    unset: (p) => p.control("UNSEAL_KEYS", RANGE),
  },
  {
    name: "draining",
    set: (p) => p.control("DRAIN", {}),
    applies: () => true,
    code: "DRAINING",
    unset: (p) => p.control("RESUME", {}),
  },
  {
    name: "retirement",
    set: (p) => p.control("RETIRE", {}),
    applies: () => true,
    code: "GONE",
    unset: (p) => p.control("RESUME", {}),
  },
];

async function start(name: string, source?: string): Promise<{ subject: Subject; ways: Way[] }> {
  const process = await boot(name, source === undefined ? {} : { source });
  const subject = new Subject(process);
  await subject.control("WIRE_PEERS", { peers: { shop: address("shop"), security: address("security") } });
  return { subject, ways: (await process.value(WAYS)) as Way[] };
}

describe.each([
  ["a program with an action of each kind", "kinds", KINDS],
  ["the coordinator", "coordinator", undefined],
  ["the shop", "shop", undefined],
])("%s", (_what, name, source) => {
  test("has no way in that goes round a limit", async () => {
    const { subject, ways } = await start(name, source);
    const handlers = (await subject.process.value(HANDLERS)) as string[];
    expect(handlers.sort()).toEqual(
      ["ao-fleet.first", "ao-fleet.last", ...ways.flatMap(({ handler }) => handler ?? [])].sort(),
    );
    expect(ways.length).toBeGreaterThan(22);
    // Built-in actions, and a router's own, answer always, so that a wrong setting can be fixed: roles and the size of Data limit them.
    const limited = ways.filter(({ always }) => !always);
    const odd: string[] = [];
    const expectCode = async (limit: string, way: Way, code: string, from: string, more?: SendOptions) => {
      const refused = () => (way.silent ? subject.process.value("Fleet.store.stats.refused") : undefined);
      const before = Number(await refused());
      const answer = await subject.code(way, from, more);
      const got = way.silent && Number(await refused()) === before + 1 ? code : answer;
      if (got !== code) odd.push(`${limit}, ${way.name}: ${got} instead of ${code}`);
    };
    for (const way of ways.filter(({ open }) => !open)) await expectCode("who", way, "FORBIDDEN", stranger());
    const open = limited.filter((way) => way.open);
    for (const limit of LIMITS) {
      await limit.set(subject);
      for (const way of open) {
        if (!limit.applies(way)) continue;
        const from = stranger();
        await limit.before?.(subject, way, from);
        await expectCode(limit.name, way, limit.code, from, limit.more);
      }
      await limit.unset(subject);
    }
    expect(odd).toEqual([]);
    // However a request comes in, it takes one of the places. Each is of another stranger.
    await subject.configure("PROCESS_CONFIG", { maxConcurrentRequests: 2 });
    let deferred = 0;
    for (const way of [...open, ...open]) {
      const before = await subject.process.value("Fleet.store.calls.seq");
      if ((await subject.code(way, stranger())) === "none") deferred += 1;
      const held = Number(await subject.process.value('(require("fleet.slots").count())'));
      expect(held, `${way.name}, after ${before}`).toBeLessThanOrEqual(2);
    }
    expect(deferred > 0).toBe(name !== "shop");
    await subject.process.drop();
  }, 60_000);
});

/** A program with a handler of its own, which no table of the library contains. */
const PLAIN = `local fleet = require("fleet")
fleet.process { name = "plain", version = "1.0.0" }
Handlers.add("plain", "PLAIN", function(msg) msg.reply({ Action = "PLAIN-Response", Data = "{}" }) end)
`;

test("a handler of the program's own is a way in that only draining, retirement and sealed keys close", async () => {
  const { subject } = await start("plain", PLAIN);
  const way: Way = {
    ...{ name: "PLAIN", always: false, readonly: false, data: true, open: true, silent: false },
  };
  const codes: [string, string][] = [];
  for (const limit of LIMITS) {
    await limit.set(subject);
    const from = stranger();
    await limit.before?.(subject, way, from);
    codes.push([limit.name, await subject.code(way, from, limit.more)]);
    await limit.unset(subject);
  }
  expect(codes).toEqual([
    ["RATE_LIMITS", "ok"],
    ["authLevel HIGH", "ok"],
    ["authLevel MAXIMUM", "ok"],
    ["maxMemoryMB", "ok"],
    ["the size of Data", "ok"],
    ["sealed keys", "DRAINING"],
    ["draining", "DRAINING"],
    ["retirement", "GONE"],
  ]);
  await subject.process.drop();
});

test("a limit of an action also holds for the one that a router sends on, by either way", async () => {
  const { subject } = await start("kinds", KINDS);
  await subject.configure("RATE_LIMITS", { BUY: { capacity: 1, perSecond: 0.0001 } });
  const by = async (from: string, message: SendOptions) =>
    (await subject.process.send({ From: from, ...message })).reply?.data.error?.code;
  const [one, other] = [stranger(), stranger()];
  const routed = { Action: "ROUTE", Data: { service: "shop", action: "BUY" } };
  expect([await by(one, { ...SERVICE, Data: "{}" }), await by(one, routed)]).toEqual([
    undefined,
    "RATE_LIMITED",
  ]);
  expect([await by(other, routed), await by(other, { ...SERVICE, Data: "{}" })]).toEqual([
    undefined,
    "RATE_LIMITED",
  ]);
  await subject.process.drop();
});
