/** A large state is read from a process that goes on to serve: what strangers send between two parts, and the requests that it refuses meanwhile. */
import { beforeAll, describe, expect, test } from "vitest";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { StateParts } from "../../src/fleet/snapshot/parts.ts";
import { type Aos, address, boot, MESSENGER, OWNER, type SendOptions } from "./aos.ts";
import { ask, inParts } from "./in-parts.ts";

const TOKEN = address("token");

const STRANGER = address("stranger");

/** A state without globals, large and small tables, and every way in which a stranger's message changes nothing of it. */
const SHOP = `
local fleet = require("fleet")
fleet.process { name = "shop", processType = "SHOP", version = "1.0.0" }
local S = fleet.state("stock", { byId = {} })
local small = fleet.state("small", { n = 0, list = {} })
local log = fleet.state("log", {}, { undo = "append" })
fleet.on("BUY", {}, function(data)
  if data.key then S.byId[data.key] = { n = 1 } end
  if data.spoil then
    S.byId["item-1"].n, S.byId[2] = -1, { "new" }
    small.list[#small.list + 1], small.n, log[#log + 1] = "spoilt", -1, "spoilt"
  end
  if data.overwrite then S.byId["item-1"].n, small.n = -1, -1 end
  if data.small then small.n = small.n + 1 end
  if data.spoil or data.overwrite or data.refuse then error(fleet.fail("NO_MONEY", "no money", "Earn some.")) end
  if data.fault then error("a fault") end
  return { n = S.byId["item-1"].n }
end)
fleet.on("Topup-Notice", {}, function() return {} end)
fleet.on("LOG", { silent = true }, function() small.list[#small.list + 1] = "logged" end)
fleet.on("Cron", {}, function() return {} end)
Handlers.add("look", "Balance", function(msg) ao.send({ Target = msg.From, Data = "0" }) end)
`;

describe("an export of an active process", () => {
  let shop: Aos;
  beforeAll(async () => {
    shop = await boot("shop", { source: SHOP });
    const lua = `local S = Fleet.store.states.stock
      for i = 1, 9000 do S.byId["item-" .. i] = { n = i, text = ("x"):rep(40) } end`;
    expect((await shop.eval(lua)).error).toBeUndefined();
  }, 60_000);
  const buy = (p: Aos, data: object) => p.send({ From: STRANGER, Action: "BUY", Data: data });

  test("survives messages that change nothing, between any two parts", async () => {
    const p = await shop.clone();
    const { digest } = await inParts(p);
    const all = new StateParts();
    let part = (await ask(p, 1))?.part;
    const { header } = part ?? {};
    for (; part && header; part = (await ask(p, part.n + 1, part.id))?.part) {
      all.add(part.text);
      expect((await p.send({ From: STRANGER, Action: "Unknown" })).reply?.data.error?.code).toBe(
        "UNKNOWN_ACTION",
      );
      expect((await buy(p, { refuse: true })).reply?.data.error?.code).toBe("NO_MONEY");
      expect((await buy(p, { overwrite: true })).reply?.data.error?.code).toBe("NO_MONEY");
      expect((await buy(p, { fault: true })).reply?.data.error?.code).toBe("INTERNAL");
      expect((await buy(p, {})).reply?.data.n).toBe(1);
      if (part.isLast) break;
    }
    expect(part?.n).toBeGreaterThan(3);
    if (header) expect(sha256(canonicalJson(all.state(header)))).toBe(digest);
    await p.drop();
  });

  test.each([
    ["a purchase", { Action: "BUY", Data: { key: "new" } }],
    ["one that changes a small state", { Action: "BUY", Data: { small: true } }],
    ["a refused one that moved members of a table", { Action: "BUY", Data: { spoil: true } }],
    ["a handler of the program's own", { Action: "Balance" }],
  ])("ends with a message that may have changed something: %s", async (_name, message) => {
    const p = await shop.clone();
    const first = (await ask(p, 1))?.part;
    await p.send({ From: STRANGER, ...message });
    expect((await ask(p, 2, first?.id))?.error?.code).toBe("STATE_CHANGED");
    await p.drop();
  });

  const held = async (p: Aos, n: number, id?: string) =>
    (
      await p.send({
        Action: "EXPORT_STATE",
        ...FLEET_REQUEST,
        Data: { whole: true, part: { n, id, hold: true } },
      })
    ).reply?.data as { part?: { id: string; n: number; isLast: boolean } } | undefined;

  test("refuses requests to declared actions until its last part if the owner asks for that", async () => {
    const p = await shop.clone();
    let part = (await held(p, 1))?.part;
    for (; part && !part.isLast; part = (await held(p, part.n + 1, part.id))?.part) {
      const refused = await buy(p, { key: "new" });
      expect(refused.reply?.data.error).toMatchObject({ code: "DRAINING" });
      const ofProcess = await p.send({ From: TOKEN, Owner: MESSENGER, Action: "BUY", Data: { key: "new" } });
      expect(ofProcess.reply?.data.error?.code).toBe("DRAINING");
    }
    expect(part?.isLast).toBe(true);
    const health = (await p.send({ Action: "HEALTH_CHECK" })).reply?.data.healthStatus;
    expect(health).toBe("HEALTHY");
    expect((await buy(p, { key: "new" })).reply?.data.n).toBe(1);
    await p.drop();
  });

  test("lets pass what nobody would send again while it refuses requests", async () => {
    const p = await shop.clone();
    await held(p, 1);
    const outcome = async (message: SendOptions) => {
      const { reply } = await p.send(message);
      return reply?.data.error?.code ?? reply?.text;
    };
    const notice = { From: TOKEN, Owner: MESSENGER, Action: "Topup-Notice" };
    expect(await outcome(notice)).toBe('{"success":true}');
    expect(await outcome({ From: STRANGER, Action: "Topup-Notice" })).toBe("DRAINING");
    expect(await outcome({ From: OWNER, Action: "Cron", Cron: true })).toBe('{"success":true}');
    expect(await outcome({ From: OWNER, Action: "Cron" })).toBe("DRAINING");
    expect(await outcome({ From: STRANGER, Action: "Balance" })).toBe("0");
    expect(await outcome({ From: STRANGER, Action: "LOG" })).toBe(undefined);
    expect(await p.value("#Fleet.store.states.small.list")).toBe(1);
    await p.drop();
  });

  test("ends with any error, and then refuses no requests", async () => {
    const p = await shop.clone();
    const first = (await held(p, 1))?.part;
    // Of another export: neither this one nor its hold ends.
    expect(await held(p, 2, "another")).toMatchObject({ error: { code: "STATE_CHANGED" } });
    expect((await buy(p, {})).reply?.data.error?.code).toBe("DRAINING");
    expect((await held(p, 2, first?.id))?.part).toMatchObject({ n: 2, isHeld: true });
    expect(await held(p, 9, first?.id)).toMatchObject({ error: { code: "STATE_CHANGED" } });
    expect((await buy(p, {})).reply?.data.n).toBe(1);
    const again = (await held(p, 1))?.part;
    await p.send({ From: STRANGER, Action: "LOG" });
    expect(await held(p, 2, again?.id)).toMatchObject({ error: { code: "STATE_CHANGED" } });
    expect((await buy(p, {})).reply?.data.n).toBe(1);
    await p.drop();
  });

  test("refuses none to a stranger's export, and none a minute after the run that asked for it died", async () => {
    const p = await shop.clone();
    const data = { whole: true, part: { n: 1, hold: true } };
    const refused = await p.send({ From: STRANGER, Action: "EXPORT_STATE", Data: data });
    expect(refused.reply?.data.error?.code).toBe("FORBIDDEN");
    expect((await buy(p, {})).reply?.data.n).toBe(1);
    await held(p, 1);
    p.now += 50_000;
    expect((await buy(p, {})).reply?.data.error?.code).toBe("DRAINING");
    p.now += 10_000;
    expect((await buy(p, {})).reply?.data.n).toBe(1);
    await p.drop();
  });
});

test("on a network that repeats messages, only the message that begins a hold is remembered permanently", async () => {
  const p = await boot("shop", { source: SHOP, tags: { Variant: "ao.N.1" } });
  await p.eval(`for i = 1, 9000 do Fleet.store.states.stock.byId[i] = ("x"):rep(80) end`);
  const loads =
    "(function() local n = 0 for _ in pairs(Fleet.store.seen.loads) do n = n + 1 end return n end)()";
  const before = Number(await p.value(loads));
  let id: string | undefined;
  for (const n of [1, 2, 3]) {
    const Data = { whole: true, part: { n, id, hold: true } };
    const { reply } = await p.send({ Action: "EXPORT_STATE", ...FLEET_REQUEST, Data });
    expect(reply?.data.part).toMatchObject({ n });
    id = (reply?.data.part as { id: string } | undefined)?.id;
  }
  expect(await p.value(loads)).toBe(before + 1);
  await p.drop();
}, 60_000);
