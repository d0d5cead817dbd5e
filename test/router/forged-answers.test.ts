/** A stranger has a plain program send a router what looks like the answer to another caller's request, before the real one, on real aos. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, type BootOptions, boot, MESSENGER, type SendOptions } from "../processes/aos.ts";
import { type Delivery, World } from "../processes/world.ts";

const VICTIM = address("victim");
const THIEF = address("thief");
/** A process on a node. */
const NODE = { lua: true, tags: { Variant: "ao.N.1" } };
const ROUTER = `
local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve { open = { token = true } }
`;
/** A plain program, by the ways in which such programs repeat what a message says. */
const TOKEN = `
local function on(action, fn) Handlers.add(action, action, fn) end
on("Balance", function(m) m.reply({ Data = m.Recipient == "rich" and "1000000" or "0" }) end)
on("Plain", function(m) Send({ Target = m["Reply-To"] or m.From, Data = m.Recipient == "rich" and "1000000" or "0" }) end)
on("Transfer", function(m)
  local tags = {}
  for name, value in pairs(m.Tags) do
    if name:sub(1, 2) == "X-" then tags[name] = value end
  end
  ao.send({ Target = m.Recipient, Action = "Credit-Notice", Tags = tags, Data = "1000000" })
end)
on("Copy", function(m)
  local tags = {}
  for name, value in pairs(m.Tags) do tags[#tags + 1] = { name = name, value = value } end
  ao.send({ Target = m.Recipient, Tags = tags, Data = "1000000" })
end)
on("Keep", function(m) Kept = m end)
on("Release", function(m) Kept.reply({ Data = "7" }) end)
on("Ask", function(m) ao.send({ Target = m.Recipient, Data = "7" }) end)
`;
/** Waits in a handler, which only aos in WebAssembly can. */
const WAITING = `
Handlers.add("Wait", "Wait", function(m)
  Receive({ Action = "Go" })
  ao.send({ Target = m.From, Data = "7" })
end)
`;

/** A fleet of a router and a plain program; the calls of the router to it stay on their way until they are delivered. */
class Race {
  readonly world = new World();
  readonly held: Delivery[] = [];
  #count = 0;

  static async of(
    router: BootOptions,
    token: (name: string) => Promise<Aos>,
    without = false,
  ): Promise<Race> {
    const race = new Race();
    race.world.processes.set("router", await boot("router", { source: ROUTER, ...router }));
    race.world.processes.set("token", await token("token"));
    const { id } = race.world.get("token");
    const Data = { peers: { token: id }, ...(without ? { withoutLibrary: ["token"] } : {}) };
    const wired = await race.world.send("router", { Action: "WIRE_PEERS", Epoch: "1", Data });
    expect(wired.reply?.status).toBe("ok");
    return race;
  }

  get router(): string {
    return this.world.get("router").id;
  }

  /** A request of the victim whose call is still on its way, with the root of its chain. */
  async ask(Action: string): Promise<{ call: Delivery; root: string }> {
    this.#count += 1;
    const root = address(`root-${this.#count}`);
    this.world.lose = (delivery) => {
      const isCall = delivery.target === this.world.get("token").id;
      if (isCall) this.held.push(delivery);
      return isCall;
    };
    await this.world.send("router", { From: VICTIM, Action, Service: "token", Id: root, Data: "{}" });
    this.world.lose = undefined;
    return { call: this.held.at(-1) as Delivery, root };
  }

  /** What the thief's message to the program makes the victim hear. */
  async forge(options: SendOptions): Promise<string[]> {
    return this.#heard(await this.world.send("token", { From: THIEF, Data: "", ...options }));
  }

  /** What the victim hears once the router's call arrives. */
  async deliver({ call, root }: { call: Delivery; root: string }): Promise<string[]> {
    const { Action, ...Tags } = call.tags;
    const message = { From: this.router, Owner: MESSENGER, Action, Data: call.text, Id: root };
    return this.#heard(
      await this.world.send("token", {
        ...message,
        Tags: { ...Tags, "From-Process": this.router, "Pushed-For": root },
      } as SendOptions),
    );
  }

  #heard({ deliveries }: { deliveries: Delivery[] }): string[] {
    return deliveries.filter(({ target }) => target === VICTIM).map(({ text }) => text);
  }
}

async function bare(name: string, options: BootOptions = {}): Promise<Aos> {
  const process = await boot(name, { bare: true, ...options });
  expect((await process.eval(TOKEN)).error).toBeUndefined();
  return process;
}

/** How the router and the program run: the node tells nobody the chain of a message, so there the program needs the library. */
const FLEETS = [
  ["legacy network, a program with the library", () => Race.of({}, (name) => boot(name, { source: TOKEN }))],
  ["legacy network, a program without the library", () => Race.of({}, bare, true)],
  ["node, a program with the library", () => Race.of(NODE, (name) => boot(name, { source: TOKEN, ...NODE }))],
] as const;

describe.each(FLEETS)("%s", (_what, make) => {
  let race: Race;
  beforeAll(async () => {
    race = await make();
  }, 60_000);

  /** What a forger can read of the call: all of it is public. */
  const seen = ({ call }: { call: Delivery }) => ({
    "Reply-To": race.router,
    "X-Reference": call.tags.Reference ?? "",
  });

  test.each([
    ["the program's own reply, sent to the router with the number of its call", "Balance", {}],
    ["a notice that repeats tags", "Transfer", {}],
    ["a copy of all tags", "Copy", {}],
  ])("%s is no answer to the victim's call", async (_how, Action, more) => {
    const asked = await race.ask("Balance");
    const { "Correlation-Id": correlation = "", Reference = "" } = asked.call.tags;
    const own = Action === "Copy" ? { "Correlation-Id": correlation } : {};
    const claim = {
      "Fleet-Sent-For": `${race.router} ${Reference} ${asked.root}`,
      "Pushed-For": asked.root,
    };
    const recipient = Action === "Balance" ? "rich" : race.router;
    const Tags = { ...seen(asked), ...own, ...claim, Recipient: recipient, ...more };
    expect(await race.forge({ Action, Tags })).toEqual([]);
    expect(await race.deliver(asked)).toEqual(["0"]);
  });

  test("a message without any id is no answer to the victim's call", async () => {
    const asked = await race.ask("Plain");
    expect(await race.forge({ Action: "Ask", Tags: { Recipient: race.router } })).toEqual([]);
    expect(await race.deliver(asked)).toEqual(["0"]);
  });

  test("what aos says to a forged sender is no answer either", async () => {
    const asked = await race.ask("Plain");
    expect(
      await race.forge({ From: race.router, Owner: THIEF, Action: "Balance", Tags: seen(asked) }),
    ).toEqual([]);
    expect(await race.deliver(asked)).toEqual(["0"]);
  });

  test("a caller's own request to the router is no answer to that of another", async () => {
    const asked = await race.ask("Balance");
    // The program gets it in the router's name, with the thief's tags.
    const sent = await race.world.send("router", {
      ...{ From: THIEF, Action: "Copy", Service: "token", Data: "", "Correlation-Id": "own" },
      Tags: { ...seen(asked), Recipient: race.router, "X-Reference": asked.call.tags.Reference ?? "" },
    });
    expect(sent.deliveries.filter(({ target }) => target === VICTIM)).toEqual([]);
    expect(await race.deliver(asked)).toEqual(["0"]);
  });
});

describe("a member with actions of the library", () => {
  const SERVICE = `
local fleet = require("fleet")
fleet.process { name = "token", processType = "TOKEN", version = "1.0.0" }
local held
fleet.on("Balance", {}, function(data) return { amount = data.recipient == "rich" and 1000000 or 0 } end)
fleet.on("Hold", {}, function(_, msg) held = msg return fleet.later(msg) end)
fleet.on("Free", {}, function() fleet.reply(held, { amount = 7 }) return {} end)
`;
  const service = () => Race.of({}, (name) => boot(name, { source: SERVICE }));

  test("answers nobody but the sender, whatever ids and recipient a request names", async () => {
    const race = await service();
    const asked = await race.ask("Balance");
    const { "Correlation-Id": correlation = "", Reference = "" } = asked.call.tags;
    const { deliveries } = await race.world.send("token", {
      ...{ From: THIEF, Action: "Balance", Data: { recipient: "rich" } },
      Tags: { "Reply-To": race.router, "X-Reference": Reference, "Correlation-Id": correlation, Reference },
    });
    expect(deliveries.map(({ target }) => target)).toEqual([THIEF]);
    const [real] = await race.deliver(asked);
    expect(JSON.parse(real ?? "")).toEqual({ success: true, amount: 0 });
  });

  test("answers a request that it deferred, in the chain of another message", async () => {
    const race = await service();
    const asked = await race.ask("Hold");
    expect(await race.deliver(asked)).toEqual([]);
    const [later] = await race.forge({ Action: "Free" });
    expect(JSON.parse(later ?? "")).toEqual({ success: true, amount: 7 });
  });
});

describe("what a program sends later", () => {
  test.each([
    ["with the library, on a legacy network", {}],
    ["with the library, on a node", NODE],
  ])("%s: its reply belongs to the message that it is a reply to", async (_where, device) => {
    const race = await Race.of(device, (name) => boot(name, { source: TOKEN, ...device }));
    const asked = await race.ask("Keep");
    expect(await race.deliver(asked)).toEqual([]);
    expect(await race.forge({ Action: "Release" })).toEqual(["7"]);
  });

  test("with the library: a handler that waited sends for the message that it began with", async () => {
    const race = await Race.of({}, (name) => boot(name, { source: WAITING }));
    const asked = await race.ask("Wait");
    expect(await race.deliver(asked)).toEqual([]);
    expect(await race.forge({ Action: "Go" })).toEqual(["7"]);
  });

  test("without the library, a reply in another chain is not matched: nothing tells it from a forged one", async () => {
    const race = await Race.of({}, bare, true);
    const asked = await race.ask("Keep");
    expect(await race.deliver(asked)).toEqual([]);
    expect(await race.forge({ Action: "Release" })).toEqual([]);
  });
});

describe.each([
  ["legacy network", {}],
  ["node", NODE],
])("a program without the library on a %s", (_where, device) => {
  let race: Race;
  beforeAll(async () => {
    race = await Race.of(device, (name) => bare(name, device), true);
  }, 60_000);

  /** A process of the thief that is in the chain of the victim's request has the program answer the router. */
  const forge = (root: string, tags: Record<string, string>) =>
    race.forge({
      ...{ Action: "Balance", Owner: MESSENGER, Id: root },
      Tags: { ...tags, "Reply-To": race.router, Recipient: "rich", "Pushed-For": root },
    });

  test("answers no call by ids that are known before the request", async () => {
    const asked = await race.ask("Balance");
    const { Reference = "", "Correlation-Id": correlation = "" } = asked.call.tags;
    const counted = correlation.split(":").slice(0, 2).join(":");
    for (const id of [Reference, counted, `${counted}:${asked.root}`])
      expect(await forge(asked.root, { "X-Reference": id, "Correlation-Id": id })).toEqual([]);
    expect(await race.deliver(asked)).toEqual(["0"]);
  });

  // This is no defence, and the documents say so: nothing on a network proves such an answer.
  test("answers a call if whoever reads its id in the chain is faster than the program", async () => {
    const asked = await race.ask("Balance");
    const id = asked.call.tags["X-Reference"] ?? "";
    expect(await forge(asked.root, { "X-Reference": id })).toEqual(["1000000"]);
    expect(await race.deliver(asked)).toEqual([]);
  });
});
