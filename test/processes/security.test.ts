import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, type ReplyData, readReply } from "./aos.ts";
import { fleet } from "./world.ts";

const STRANGER = address("stranger");
const EVE = address("eve");
const BATTLE = address("battle");
let base: Aos;

beforeAll(async () => {
  base = await boot("security");
  await base.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { battle: BATTLE } } });
}, 60_000);

async function ask(p: Aos, action: string, data: object = {}, from = BATTLE): Promise<ReplyData> {
  const { error, reply } = await p.send({ From: from, Action: action, Data: data });
  expect(error).toBeUndefined();
  return reply?.data ?? {};
}
const judge = (p: Aos, action: string, data: object, from = BATTLE, more: object = {}) =>
  ask(p, "VALIDATE_ACTION", { action, playerId: EVE, data, ...more }, from);

const RESULT = { battleId: "b", players: ["a", "b"], winner: "a", turns: 3, durationMs: 1000 };

test.each<[string, object, string[]]>([
  ["PURCHASE", { itemId: "potion", quantity: 1 }, []],
  ["PURCHASE", { itemId: "potion", quantity: 0 }, ["quantity"]],
  ["PURCHASE", { quantity: 1e9 }, ["quantity"]],
  ["PURCHASE", { quantity: "1" }, ["quantity"]],
  ["PURCHASE", { quantity: 1.5, itemId: 7 }, ["itemId", "quantity"]],
  ["CREDIT", { amount: -5 }, ["amount"]],
  ["CREDIT", {}, ["amount"]],
  ["GAIN_EXPERIENCE", { experience: 1e7 }, ["experience"]],
  ["SET_PARTY", { party: ["1", "2", "3", "4", "5", "6"] }, []],
  ["SET_PARTY", { party: ["1", "2", "3", "4", "5", "6", "7"] }, ["party"]],
  ["SET_PARTY", { party: ["1", "1"] }, ["party[2]"]],
  ["BATTLE_RESULT", RESULT, []],
  ["BATTLE_RESULT", { ...RESULT, winner: undefined }, []],
  ["BATTLE_RESULT", { ...RESULT, winner: "c" }, ["winner"]],
  ["BATTLE_RESULT", { ...RESULT, players: ["a", "a"] }, ["players[2]"]],
  ["BATTLE_RESULT", { ...RESULT, turns: -1 }, ["turns"]],
  ["BATTLE_RESULT", { ...RESULT, players: ["a"] }, ["players"]],
  ["ANYTHING", { x: 1 }, []],
])("%s with %j violates %j", async (action, data, paths) => {
  const reply = await judge(base, action, data);
  expect((reply.violations as { path: string }[]).map((each) => each.path)).toEqual(paths);
  expect(reply).toMatchObject({
    success: true,
    allowed: paths.length === 0,
    playerId: EVE,
    rule: action === "ANYTHING" ? "NONE" : "KNOWN",
  });
});

test("five violations are allowed, then the player is marked for review", async () => {
  const p = await base.clone();
  await p.eval("Fleet.store.states.incidents.byPlayer = {} Fleet.store.states.incidents.players = 0");
  for (let i = 0; i < 5; i++) {
    expect((await judge(p, "PURCHASE", { quantity: 1 })).verdict).toBe("ALLOW");
    expect((await judge(p, "PURCHASE", { quantity: -1 })).verdict).toBe("DENY");
  }
  expect(await judge(p, "PURCHASE", { quantity: 1 })).toMatchObject({
    verdict: "REVIEW",
    allowed: true,
    previousViolations: 5,
  });
});

test("a stranger is judged under its own name, whatever name it gives", async () => {
  const p = await base.clone();
  expect((await judge(p, "PURCHASE", { quantity: -1 }, STRANGER)).playerId).toBe(STRANGER);
  const rate = await ask(p, "RATE_CHECK", { playerId: EVE, action: "X" }, STRANGER);
  expect(rate.playerId).toBe(STRANGER);
});

test("bans are set by deployers, apply until their time, and are in every verdict", async () => {
  const p = await base.clone();
  const ban = (data: object, from = OWNER) =>
    ask(p, "BAN_PLAYER", { playerId: EVE, reason: "cheats", ...data }, from);
  expect((await ban({}, BATTLE)).error?.code).toBe("FORBIDDEN");
  expect((await ban({ reason: "" })).error?.code).toBe("INVALID_DATA");
  expect(await ban({ hours: 1 })).toMatchObject({ count: 1, ban: { untilTime: p.now + 3_600_000 } });
  expect(await judge(p, "PURCHASE", { quantity: 1 })).toMatchObject({
    allowed: false,
    violations: [{ rule: "BANNED", got: "banned: cheats" }],
  });
  p.now += 3_600_000;
  expect(await judge(p, "PURCHASE", { quantity: 1 })).toMatchObject({ allowed: true });
  await ban({});
  p.now += 1e12;
  expect((await ask(p, "LIST_BANS")).bans).toMatchObject([{ playerId: EVE, reason: "cheats", by: OWNER }]);
  expect(await ask(p, "UNBAN_PLAYER", { playerId: EVE }, OWNER)).toMatchObject({ lifted: true, count: 0 });
  expect(await ask(p, "UNBAN_PLAYER", { playerId: EVE }, OWNER)).toMatchObject({ lifted: false });
});

test("the processes that act for players get every change of the bans at once, and what they missed when they ask", async () => {
  const p = await base.clone();
  // As an earlier version left it.
  await p.eval(`local bans = Fleet.store.states.bans bans.seq, bans.lifted, bans.forgotten = nil, nil, nil
    bans.byPlayer.old, bans.count = { playerId = "old", reason = "r" }, 1`);
  const told = async (action: string, data: object) => {
    const { messages } = await p.send({ Action: action, Data: data });
    return messages.map(readReply).filter((each) => each.action === "SET_BANS");
  };
  const first = await told("BAN_PLAYER", { playerId: EVE, reason: "cheats", hours: 1 });
  expect(first).toMatchObject([
    { target: BATTLE, data: { since: 0, seq: 1, bans: [{ playerId: EVE, untilTime: p.now + 3_600_000 }] } },
  ]);
  const missed = (since: number) => ask(p, "LIST_BANS", { since });
  const names = ({ bans }: ReplyData) => (bans as { playerId: string }[]).map((each) => each.playerId).sort();
  expect(names(await missed(0))).toEqual([EVE, "old"].sort());
  expect(await missed(1)).toMatchObject({ seq: 1, bans: [], lifted: [] });
  const second = await told("UNBAN_PLAYER", { playerId: "old" });
  expect(second).toMatchObject([{ data: { since: 1, seq: 2, lifted: ["old"] } }]);
  expect(await missed(1)).toMatchObject({ since: 1, seq: 2, bans: [], lifted: ["old"] });
  expect(await missed(99)).toMatchObject({ seq: 2, full: true, bans: [{ playerId: EVE }] });
  // Anybody may read the list, in pages.
  const page = await ask(p, "LIST_BANS", { since: 0, limit: 1 }, STRANGER);
  expect(page).toMatchObject({ bans: [{ playerId: EVE, reason: "cheats" }], more: false });
  p.now += 3_600_000;
  expect(names(await missed(0))).toEqual([]);
});

describe("rates", () => {
  test("a bucket empties, refills by scheduler time up to its size, and each player and action has its own", async () => {
    const p = await base.clone();
    await ask(p, "RATE_LIMITS", { action: "MOVE", capacity: 3, perSecond: 0.5 }, OWNER);
    const start = p.now;
    const take = async (at: number, more: object = {}) => {
      const reply = (
        await p.send({
          From: BATTLE,
          Action: "RATE_CHECK",
          Timestamp: start + at,
          Data: { playerId: EVE, action: "MOVE", ...more },
        })
      ).reply?.data;
      return [reply?.allowed, reply?.remaining, reply?.retryAfterMs];
    };
    expect(await take(0)).toEqual([true, 2, undefined]);
    expect(await take(0, { cost: 2 })).toEqual([true, 0, undefined]);
    expect(await take(0)).toEqual([false, 0, 2000]);
    expect(await take(0, { playerId: STRANGER })).toEqual([true, 2, undefined]);
    expect(await take(0, { action: "OTHER" })).toEqual([true, 19, undefined]);
    expect(await take(1000)).toEqual([false, 0, 1000]);
    expect(await take(2000)).toEqual([true, 0, undefined]);
    expect(await take(1_000_000, { cost: 3 })).toEqual([true, 0, undefined]);
    // Time that goes back adds nothing.
    expect((await take(500))[0]).toBe(false);
    expect((await ask(p, "RATE_CHECK", { action: "MOVE", cost: 4 })).error?.code).toBe("INVALID_DATA");
    expect((await ask(p, "RATE_LIMITS", { action: "MOVE", capacity: 1, perSecond: 1 })).error?.code).toBe(
      "FORBIDDEN",
    );
  });

  test("many players do not fill the memory", async () => {
    const p = await base.clone();
    await p.eval(`local rates = Fleet.store.states.rates
      for i = 1, 4999 do rates.buckets["p" .. i .. "\\nX"] = { tokens = 1, at = Fleet.now() + i, action = "X" } end
      rates.count = 4999`);
    for (let i = 0; i < 20; i++)
      expect((await ask(p, "RATE_CHECK", { playerId: `new${i}`, action: "X" })).allowed).toBe(true);
    expect(await p.value("Fleet.store.states.rates.count")).toBeLessThanOrEqual(5000);
    expect(
      await p.value(
        "(function() local n = 0 for _ in pairs(Fleet.store.states.rates.buckets) do n = n + 1 end return n end)()",
      ),
    ).toBe(await p.value("Fleet.store.states.rates.count"));
  });

  test("a verdict can take a token too", async () => {
    const p = await base.clone();
    await ask(p, "RATE_LIMITS", { action: "*", capacity: 1, perSecond: 0.001 }, OWNER);
    expect(await judge(p, "ANY", {}, BATTLE, { rate: true })).toMatchObject({ allowed: true, remaining: 0 });
    expect(await judge(p, "ANY", {}, BATTLE, { rate: true })).toMatchObject({
      allowed: false,
      violations: [{ rule: "RATE" }],
    });
  });
});

test("custom rules are refused if they are unusable, then judged like the built-in ones", async () => {
  const p = await base.clone();
  const set = (schema: object, from = OWNER) => ask(p, "SET_RULE", { action: "TRADE", schema }, from);
  expect((await set({}, BATTLE)).error?.code).toBe("FORBIDDEN");
  for (const bad of [
    { x: { type: "sometimes" } },
    { x: 5 },
    { x: { min: "1" } },
    { x: { pattern: "[" } },
    { x: { enum: [] } },
    { x: { fields: { y: 1 } } },
    { x: { items: { type: "no" } } },
    { x: { required: 1 } },
    { x: { other: 1 } },
  ]) {
    expect([bad, (await set(bad)).error?.code]).toEqual([bad, "INVALID_DATA"]);
  }
  expect((await judge(p, "TRADE", {})).rule).toBe("NONE");
  await set({
    price: { type: "integer", required: true, min: 1 },
    with: { type: "table", fields: { id: { type: "string", pattern: "^p%d+$" } } },
  });
  expect((await judge(p, "TRADE", { price: 0, with: { id: "q" } })).violations).toMatchObject([
    { path: "price" },
    { path: "with.id" },
  ]);
  expect((await judge(p, "TRADE", { price: 1, with: { id: "p1" } })).allowed).toBe(true);
});

test("a trail of version 1.0.0 is read: of a load in place, and of an import", async () => {
  const entries = [
    { seq: 1, at: 1, event: "BANNED", player: EVE, detail: "r", count: 1 },
    { seq: 2, at: 2, event: "DENIED", player: STRANGER, code: "X", count: 7 },
    { seq: 3, at: 3, event: "INCIDENT", player: EVE, code: "SPEED_HACK", count: 1 },
  ];
  const events = async (p: Aos) =>
    ((await ask(p, "SECURITY_AUDIT")).entries as { event: string; seq: number }[]).map((each) => each.event);
  const p = await base.clone();
  const lua = `Fleet.json.decode('${JSON.stringify({ seq: 3, entries })}')`;
  await p.eval(`local trail, old = Fleet.store.states.trail, ${lua}
    for key in pairs(trail) do trail[key] = nil end
    for key, value in pairs(old) do trail[key] = value end`);
  const exported = await ask(p, "EXPORT_STATE", {}, OWNER);
  await p.load({ epoch: 2 });
  expect(await events(p)).toEqual(["BANNED", "DENIED", "INCIDENT"]);
  await judge(p, "PURCHASE", { quantity: -1 });
  expect(await p.value("{ #Fleet.store.states.trail.entries, #Fleet.store.states.trail.decisions }")).toEqual(
    [2, 1],
  );
  const q = await base.clone();
  const { state, digest } = exported;
  const imported = await q.send({ Action: "IMPORT_STATE", Data: { state, digest }, Epoch: "2" });
  expect(imported.reply?.status).toBe("ok");
  expect(await events(q)).toEqual(["BANNED", "DENIED", "INCIDENT"]);
  await ask(q, "BAN_PLAYER", { playerId: STRANGER, reason: "r" }, OWNER);
  expect(await q.value("#Fleet.store.states.trail.decisions")).toBe(2);
});

test("rules and limits that a deployer sets are in the trail", async () => {
  const p = await base.clone();
  await ask(p, "SET_RULE", { action: "TRADE", schema: {} }, OWNER);
  await ask(p, "RATE_LIMITS", { action: "TRADE", capacity: 3, perSecond: 1 }, OWNER);
  expect((await ask(p, "SECURITY_AUDIT")).entries).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ event: "RULE_SET", code: "TRADE", by: OWNER }),
      expect.objectContaining({ event: "LIMIT_SET", code: "TRADE", detail: "3 at once, 1 a second" }),
    ]),
  );
});

test("many new players remove neither another's violations, nor its severe incident, nor its empty bucket", async () => {
  const p = await base.clone();
  const cheat = address("cheat");
  const judged = (quantity: number) => judge(p, "PURCHASE", { quantity }, BATTLE, { playerId: cheat });
  for (let i = 0; i < 2; i++) await judged(-1);
  await ask(p, "REPORT_INCIDENT", { type: "T", playerId: cheat, severity: "CRITICAL" });
  await ask(p, "RATE_LIMITS", { action: "MOVE", capacity: 1, perSecond: 0.0001 }, OWNER);
  await ask(p, "RATE_CHECK", { playerId: cheat, action: "MOVE" });
  const filled = await p.eval(`local states, now = Fleet.store.states, Fleet.now()
    for i = states.incidents.players + 1, 5000 do states.incidents.byPlayer["p" .. i] = { count = 1, at = now + i } end
    states.incidents.players = 5000
    for i = #states.incidents.list + 1, 500 do
      states.incidents.list[i] = { incidentId = "i" .. i, playerId = "p" .. i, severity = "LOW", type = "T", at = now }
    end
    for i = states.rates.count + 1, 5000 do states.rates.buckets["p" .. i .. "\\nMOVE"] = { tokens = 0.5, at = now + i, action = "MOVE" } end
    states.rates.count = 5000`);
  expect(filled.error).toBeUndefined();
  for (const player of ["new1", "new2", "new3"]) {
    await ask(p, "REPORT_INCIDENT", { type: "T", playerId: player, severity: "LOW" });
    await ask(p, "RATE_CHECK", { playerId: player, action: "MOVE" });
  }
  expect(await judged(1)).toMatchObject({ previousViolations: 3 });
  expect((await ask(p, "LIST_INCIDENTS", { playerId: cheat })).incidents).toMatchObject([
    { severity: "CRITICAL" },
  ]);
  expect(await ask(p, "RATE_CHECK", { playerId: cheat, action: "MOVE" })).toMatchObject({ allowed: false });
  expect(await p.value("#Fleet.store.states.incidents.list")).toBe(500);
  expect(await p.value("Fleet.store.states.incidents.players")).toBeLessThanOrEqual(5000);
  // A stranger chooses the names of actions, but has one bucket for all those without a limit or a rule.
  const before = (await p.value("Fleet.store.states.rates.count")) as number;
  for (let i = 0; i < 10; i++) await ask(p, "RATE_CHECK", { action: `NAME_${i}` }, STRANGER);
  expect(await p.value("Fleet.store.states.rates.count")).toBe(before + 1);
});

test("incidents: peers report each once; serious ones reach the admin process as alerts", async () => {
  const w = await fleet(["security", "admin"]);
  const report = (severity: string, correlation: string, from = w.get("admin").id) =>
    w.send("security", {
      From: from,
      Action: "REPORT_INCIDENT",
      "Correlation-Id": correlation,
      Data: { type: "SPEED_HACK", playerId: EVE, severity, description: "d" },
    });
  expect((await report("LOW", "0", STRANGER)).reply?.data.error?.code).toBe("FORBIDDEN");
  expect((await report("LOW", "1")).deliveries.some((each) => each.action === "RAISE_ALERT")).toBe(false);
  await report("LOW", "1");
  await report("CRITICAL", "2");
  const listed = (await w.send("security", { Action: "LIST_INCIDENTS", Data: { playerId: EVE } })).reply
    ?.data;
  expect(listed).toMatchObject({ total: 2, incidents: [{ severity: "CRITICAL" }, { severity: "LOW" }] });
  const alerts = (await w.send("admin", { Action: "ALERT_MANAGEMENT" })).reply?.data.alerts;
  expect(alerts).toMatchObject([{ type: "SECURITY_ALERT", source: EVE, level: "CRITICAL", state: "OPEN" }]);
});

test("the trail lists decisions, by player and from a number on, and is bounded", async () => {
  const p = await base.clone();
  const banned = address("banned");
  await ask(p, "BAN_PLAYER", { playerId: banned, reason: "r" }, OWNER);
  for (let i = 0; i < 3; i++) await judge(p, "PURCHASE", { quantity: 1 }, BATTLE, { playerId: banned });
  expect((await ask(p, "SECURITY_AUDIT", {}, STRANGER)).error?.code).toBe("FORBIDDEN");
  const { entries, seq } = await ask(p, "SECURITY_AUDIT", { player: banned, event: "DENIED" });
  expect(entries).toEqual(
    expect.arrayContaining([expect.objectContaining({ event: "DENIED", code: "PURCHASE", count: 3 })]),
  );
  expect((await ask(p, "SECURITY_AUDIT", { since: seq })).entries).toEqual([]);
  await p.eval(
    'local entries = Fleet.store.states.trail.entries for i = #entries + 1, 500 do entries[i] = { seq = i, event = "E", player = tostring(i) } end',
  );
  for (const player of ["x", "y"])
    await ask(p, "VALIDATE_ACTION", { action: "PURCHASE", playerId: player, data: { quantity: -1 } });
  expect(await p.value("#Fleet.store.states.trail.entries")).toBe(500);
  expect(await p.value("Fleet.store.states.trail.entries[500].player")).toBe("y");
  for (let i = 0; i < 502; i++) await judge(p, i % 2 ? "PURCHASE" : "SELL", { quantity: -1 }, STRANGER);
  const trail = await ask(p, "SECURITY_AUDIT");
  expect(trail.entries).toEqual(
    expect.arrayContaining([expect.objectContaining({ event: "BANNED", player: banned, by: OWNER })]),
  );
  expect((trail.entries as unknown[]).length).toBe(100);
  expect((await ask(p, "SECURITY_AUDIT", { player: STRANGER })).entries).toMatchObject([
    { code: "SELL", count: 251 },
    { code: "PURCHASE", count: 251 },
  ]);
  expect((await ask(p, "SECURITY_AUDIT", { player: "y" })).entries).toHaveLength(1);
  const one = await ask(p, "SECURITY_AUDIT", { event: "BANNED", limit: 1 });
  expect(one.entries).toMatchObject([{ event: "BANNED" }]);
  expect(await p.value("#Fleet.store.states.trail.entries")).toBe(500);
  expect((await ask(p, "SECURITY_STATISTICS", {}, STRANGER)).statistics).toMatchObject({
    denied: expect.any(Number),
    bans: 1,
  });
});
