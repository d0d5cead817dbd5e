import { beforeAll, describe, expect, test } from "vitest";
import { address, OWNER } from "../processes/aos.ts";
import type { World } from "../processes/world.ts";
import {
  ASH,
  ask,
  code,
  fight,
  GARY,
  type GameData,
  game,
  member,
  PEERS,
  route,
  type Shown,
  STRANGER,
} from "./game.ts";

let world: World;
beforeAll(async () => {
  world = await game(["security"]);
});

const run = (player: string, battleId: string) =>
  ask(world, "coordinator", player, "RUN_WORKFLOW", { workflow: "battle-victory", input: { battleId } });
const claimOf = (From: string, battleId: string) => ({
  From,
  Action: "RUN_WORKFLOW",
  Data: { workflow: "battle-victory", input: { battleId } },
});
const ban = (playerId: string, more: object = {}) =>
  ask(world, "security", OWNER, "BAN_PLAYER", { playerId, reason: "bots", ...more });
const unban = (playerId: string) => ask(world, "security", OWNER, "UNBAN_PLAYER", { playerId });

async function starter(player: string, species: string): Promise<Shown> {
  const { data } = await route(world, player, "pokemon", "CREATE_POKEMON", { species });
  expect(code(data)).toBe("ok");
  return data.pokemon;
}

test("two players fight through the coordinator: teams, turns, experience, replay, prize", async () => {
  const mine = await starter(ASH, "pikachu");
  const theirs = await starter(GARY, "squirtle");
  const started = await route(world, ASH, "battle", "START_BATTLE", { opponent: GARY });
  expect(started.action).toBe("ROUTE-Response");
  expect(started.data).toMatchObject({
    success: true,
    status: "CHALLENGED",
    mode: "SEALED",
    ranked: true,
    turn: 1,
  });
  const { battleId } = started.data;
  expect(started.data.sides[0].team[0]).toMatchObject({ species: "pikachu", level: 5 });
  expect(started.data.sides[1].team[0].moves).toBeUndefined();

  const end = await fight(world, battleId, [ASH, GARY]);
  expect(end).toMatchObject({ status: "FINISHED", ending: "FOUGHT" });
  const winner = end.winner === ASH ? ASH : GARY;
  const [won, lost] = winner === ASH ? [mine, theirs] : [theirs, mine];

  const replay = (await route(world, STRANGER, "battle", "REPLAY_BATTLE", { battleId })).data;
  expect(replay.equal).toBe(true);
  expect(replay.replayDigest).toBe(end.digest);
  expect(replay.seed).toMatch(/^battle-.+@\d+$/);
  expect(replay.moves.length).toBe(end.turn);

  // A squirtle yields 63, a pikachu 112: floor(floor(yield · 5 / 7) · 3 / 2).
  const gained = winner === ASH ? 67 : 120;
  const grown = (await route(world, winner, "pokemon", "GET_POKEMON", { pokemonId: won.pokemonId })).data
    .pokemon;
  expect(grown.experience).toBe(125 + gained);
  const same = (await route(world, winner, "pokemon", "GET_POKEMON", { pokemonId: lost.pokemonId })).data
    .pokemon;
  expect(same.level).toBe(5);
  const settled = (await ask(world, "battle", STRANGER, "SETTLE_BATTLE", { battleId })).data;
  expect(settled.experience.status).toBe("GRANTED");
  expect(settled.reported).toBe("ALLOW");

  const loser = winner === ASH ? GARY : ASH;
  const cheat = (await run(loser, battleId)).data;
  expect(cheat.error).toMatchObject({ code: "WORKFLOW_FAILED" });
  expect(cheat.error?.message).toContain("NOT_THE_WINNER");

  // Without a verdict the prize is kept. Security answers late if somebody floods it, and then it judges anybody whom it takes for the sender.
  const prize = async () => {
    const { data } = await ask(world, "battle", STRANGER, "SETTLE_BATTLE", { battleId });
    return (data.prize as { status: string }).status;
  };
  world.lose = (delivery) => delivery.action === "VALIDATE_ACTION-Response";
  expect((await world.send("coordinator", claimOf(winner, battleId))).reply).toBeUndefined();
  world.lose = undefined;
  world.advance(31_000);
  const { deliveries } = await world.send("battle", { From: STRANGER, Action: "Info" });
  expect(deliveries.find((each) => each.target === winner)?.data.error?.message).toContain("VERDICT_UNKNOWN");
  expect(await prize()).toBe("OPEN");
  await world.wire({ ...PEERS, security: ["coordinator"] });
  expect((await run(winner, battleId)).data.error?.message).toContain("VERDICT_UNKNOWN");
  await world.wire({ ...PEERS, security: Object.keys(PEERS) });
  // A ban after the battle counts too, whatever security said at its end.
  await ban(winner);
  expect(code((await run(winner, battleId)).data)).toBe("BANNED");
  const direct = await ask(world, "battle", OWNER, "CLAIM_PRIZE", { battleId, player: winner });
  expect(code(direct.data)).toBe("PRIZE_DENIED");
  expect(code((await ask(world, "battle", OWNER, "SETTLE_PRIZE", { battleId, player: winner })).data)).toBe(
    "NOT_CLAIMED",
  );
  expect(await prize()).toBe("OPEN");
  expect((await route(world, loser, "shop", "BALANCE", { account: winner })).data.balance).toBe(0);
  await unban(winner);

  const paid = (await run(winner, battleId)).data;
  expect(paid).toMatchObject({ success: true, status: "COMPLETED" });
  expect((await route(world, winner, "shop", "BALANCE")).data.balance).toBe(200);
  expect((await run(winner, battleId)).data.error?.message).toContain("PRIZE_PAID");
  expect((await route(world, winner, "shop", "BALANCE")).data.balance).toBe(200);
  expect((await route(world, loser, "shop", "BALANCE")).data.balance).toBe(0);
});

test("a ban stops routes, workflows, purchases, creations and battles until it ends, at every process", async () => {
  const player = address("banned");
  await starter(player, "eevee");
  for (const account of [player, GARY]) await ask(world, "shop", OWNER, "CREDIT", { account, amount: 5000 });
  const team = [member("a")];
  const attempts = (): [string, string, object, Record<string, string>?][] => [
    ["coordinator", "ROUTE", { service: "shop", action: "LIST_ITEMS" }],
    ["coordinator", "PURCHASE", { item: "potion" }, { Service: "shop" }],
    ["coordinator", "RUN_WORKFLOW", { workflow: "starter-purchase", input: { species: "ralts" } }],
    ["shop", "PURCHASE", { item: "potion" }],
    ["shop", "SELL", { item: "potion" }],
    ["pokemon", "CREATE_POKEMON", { species: "eevee" }],
    ["pokemon", "SET_PARTY", { party: [] }],
    ["battle", "START_BATTLE", { opponent: GARY, team, opponentTeam: team }],
  ];
  const tried = async () => {
    const codes = [];
    for (const [process, action, data, tags] of attempts())
      codes.push(code((await ask(world, process, player, action, data, tags)).data));
    return codes;
  };
  const closed = attempts().map(() => "BANNED");
  await ban(player, { hours: 1 });
  expect(await tried()).toEqual(closed);
  const invited = { opponent: player, team, opponentTeam: team };
  expect(code((await ask(world, "battle", GARY, "START_BATTLE", invited)).data)).toBe("BANNED");
  const made = { species: "ralts", trainer: player, requestId: "r" };
  expect(code((await ask(world, "pokemon", OWNER, "CREATE_POKEMON", made)).data)).toBe("BANNED");
  world.advance(3_600_000);
  expect(await tried()).not.toContain("BANNED");
  // The news of a ban is lost: each process asks for what it missed, at the latest a minute later.
  world.lose = (delivery) => delivery.action === "SET_BANS";
  await ban(player);
  world.lose = undefined;
  world.advance(60_000);
  for (const process of ["coordinator", "shop", "pokemon"])
    await ask(world, process, GARY, ...asking[process as "shop"]);
  await friendly([team, team], "asks-for-bans");
  expect(await tried()).toEqual(closed);
  await unban(player);
  expect(await tried()).not.toContain("BANNED");
  const { data } = await ask(world, "security", STRANGER, "LIST_BANS");
  expect(data).toMatchObject({ success: true, bans: [], more: false });
});

/** Requests that are accepted. */
const asking = {
  coordinator: ["ROUTE", { service: "shop", action: "LIST_ITEMS" }],
  shop: ["PURCHASE", { item: "potion" }],
  pokemon: ["SET_PARTY", { party: [] }],
} satisfies Record<string, [string, object]>;

test("two wallets earn less with every prize that they win from each other, and recover slowly", async () => {
  // Ten won battles, as those wallets could fight them in an hour.
  await world.get("battle").eval(`
    local s, now = Fleet.state("battles"), Fleet.now()
    for i = 1, 10 do
      local id = "farm-" .. i
      s.battles[id] = {
        id = id, status = "FINISHED", ranked = true, players = { "${ASH}", "${GARY}" }, winner = "${ASH}", turn = 9, pending = {}, seed = id,
        startedAt = now, movedAt = now, finishedAt = now, teams = "[]", play = "{}", digest = "d", reported = "PENDING",
        experience = { status = "NONE", awards = {} }, prize = { status = "OPEN", amount = 4000 },
      }
      s.finished[#s.finished + 1] = id
    end`);
  const claim = (i: number) =>
    ask(world, "battle", OWNER, "CLAIM_PRIZE", { battleId: `farm-${i}`, player: ASH });
  const amounts = [];
  await world.get("battle").eval(`Fleet.state("battles").pairings = nil`);
  for (let i = 1; i <= 8; i++) amounts.push((await claim(i)).data.amount);
  expect(amounts).toEqual([4000, 2000, 1000, 500, 250, 125, 62, 31]);
  expect(code((await claim(9)).data)).toBe("PRIZE_WORN");
  // A claim that could not be paid does not count, and one is repeated with the same amount.
  expect((await claim(8)).data.amount).toBe(31);
  await ask(world, "battle", OWNER, "RELEASE_PRIZE", { battleId: "farm-8", player: ASH });
  expect((await claim(9)).data.amount).toBe(31);
  expect(code((await claim(10)).data)).toBe("PRIZE_WORN");
  world.advance(7 * 86_400_000);
  expect((await claim(10)).data.amount).toBe(31);
});

test("claims that the fund refuses make the process forget no pair that was paid", async () => {
  await world.get("battle").eval(`
    require("pairings").KEPT = 3
    local s, now = Fleet.state("battles"), Fleet.now()
    s.pairings = { counts = { ["x/y"] = 5 }, times = { ["x/y"] = now }, order = { "x/y" } }
    for i = 1, 8 do
      local id = "unpaid-" .. i
      s.battles[id] = {
        id = id, status = "FINISHED", ranked = true, players = { "p" .. i, "q" .. i }, winner = "p" .. i, turn = 9, pending = {}, seed = id,
        startedAt = now, movedAt = now, finishedAt = now, teams = "[]", play = "{}", digest = "d", reported = "PENDING",
        experience = { status = "NONE", awards = {} }, prize = { status = "OPEN", amount = 4000 },
      }
      s.finished[#s.finished + 1] = id
    end`);
  const claim = async (action: string, i: number) =>
    code((await ask(world, "battle", OWNER, action, { battleId: `unpaid-${i}`, player: `p${i}` })).data);
  const pairs = () =>
    world.get("battle").value(`(function() local b = Fleet.state("battles").pairings
      return { order = b.order, x = b.counts["x/y"] or 0, open = next(b.claimed) ~= nil } end)()`);
  for (let i = 1; i <= 4; i++)
    expect([await claim("CLAIM_PRIZE", i), await claim("RELEASE_PRIZE", i)]).toEqual(["ok", "ok"]);
  expect(await pairs()).toEqual({ order: ["x/y"], x: 5, open: false });
  for (let i = 5; i <= 8; i++)
    expect([await claim("CLAIM_PRIZE", i), await claim("SETTLE_PRIZE", i)]).toEqual(["ok", "ok"]);
  expect(await pairs()).toEqual({ order: ["p6/q6", "p7/q7", "p8/q8"], x: 0, open: false });
});

/** Friendly battles need no pokemon process. */
async function friendly(teams: unknown[][], id: string): Promise<GameData> {
  const [team, opponentTeam] = teams;
  const { data } = await ask(world, "battle", ASH, "START_BATTLE", {
    opponent: GARY,
    battleId: id,
    team,
    opponentTeam,
  });
  expect(code(data)).toBe("ok");
  return data;
}
const move = (player: string, battleId: string, more: object) =>
  ask(world, "battle", player, "SUBMIT_MOVE", { battleId, ...more }).then((reply) => reply.data);

describe("a turn", () => {
  test("is played once both have moved: the faster one first, priority before speed", async () => {
    const slow = member("slow", {
      moves: ["tackle", "quick-attack"],
      stats: { ...member("x").stats, speed: 10 },
    });
    await friendly([[slow], [member("fast")]], "order");
    expect(await move(ASH, "order", { move: "tackle" })).toMatchObject({ resolved: false, turn: 1 });
    expect(code(await move(ASH, "order", { move: "tackle" }))).toBe("ALREADY_MOVED");
    const hidden = (await ask(world, "battle", GARY, "GET_BATTLE", { battleId: "order" })).data;
    expect(hidden.sides[0].hasMoved).toBe(true);
    expect(JSON.stringify(hidden)).not.toContain("quick-attack");
    const first = await move(GARY, "order", { move: "tackle" });
    expect(first).toMatchObject({ resolved: true, turn: 2 });
    expect(first.events.map((each) => each.side)).toEqual([2, 1]);
    await move(ASH, "order", { move: "quick-attack", turn: 2 });
    const second = await move(GARY, "order", { move: "tackle" });
    expect(second.events.map((each) => each.side)).toEqual([1, 2]);
    expect(code(await move(ASH, "order", { move: "tackle", turn: 2 }))).toBe("WRONG_TURN");
    expect((await ask(world, "battle", ASH, "FORFEIT", { battleId: "order" })).data).toMatchObject({
      winner: GARY,
      ending: "FORFEIT",
    });
  });

  test("uses up PP and ends with struggle", async () => {
    // Splash does nothing 40 times; then only struggle remains, which costs a quarter of the user's HP.
    const fish = member("magikarp", { types: ["water"], moves: ["splash"] });
    await friendly([[fish], [fish]], "fish");
    for (let turn = 1; turn <= 40; turn++) {
      await move(ASH, "fish", { move: "splash" });
      await move(GARY, "fish", { move: "splash" });
    }
    expect(code(await move(ASH, "fish", { move: "splash" }))).toBe("NO_PP");
    const seen = (await ask(world, "battle", ASH, "GET_BATTLE", { battleId: "fish" })).data;
    expect(seen).toMatchObject({ turn: 41, choices: ["struggle"] });
    await move(ASH, "fish", { move: "struggle" });
    const { events } = await move(GARY, "fish", { move: "struggle" });
    expect(events).toHaveLength(2);
    for (const event of events) expect(event.recoil).toBe(30);
    // Struggle is neutral, level 50, power 50: at most floor(22·50/50)+2 = 24, half as much again when critical.
    for (const event of events) expect(event.damage).toBeLessThanOrEqual(36);
  });

  test("replaces a fainted member with the next standing one, and ends the battle with the last", async () => {
    const strong = member("strong", {
      level: 100,
      moves: ["swift"],
      stats: { ...member("x").stats, speed: 200, specialAttack: 500 },
    });
    const weak = member("weak", { level: 1, stats: { ...member("x").stats, hp: 5 } });
    await friendly([[strong], [weak, weak]], "faint");
    await move(ASH, "faint", { move: "swift" });
    const one = await move(GARY, "faint", { move: "tackle" });
    expect(one.events).toMatchObject([
      { side: 1, fainted: [2] },
      { side: 2, switch: 2, forced: true },
    ]);
    expect(code(await move(GARY, "faint", { switchTo: 1 }))).toBe("BAD_SWITCH");
    await move(ASH, "faint", { move: "swift" });
    const two = await move(GARY, "faint", { move: "tackle" });
    expect(two).toMatchObject({ status: "FINISHED", winner: ASH, ending: "FOUGHT" });
    expect(code(await move(GARY, "faint", { move: "tackle" }))).toBe("BATTLE_OVER");
    expect((await ask(world, "battle", STRANGER, "REPLAY_BATTLE", { battleId: "faint" })).data.equal).toBe(
      true,
    );
  });

  test("switches before any move, and stages end with the member that leaves", async () => {
    const pair = [member("first", { moves: ["withdraw", "tackle"] }), member("second")];
    await friendly([pair, [member("foe", { stats: { ...member("x").stats, speed: 200 } })]], "switch");
    await move(ASH, "switch", { move: "withdraw" });
    const raised = await move(GARY, "switch", { move: "tackle" });
    expect(raised.events[1]).toMatchObject({ stat: "defense", by: 1 });
    await move(ASH, "switch", { switchTo: 2 });
    const { events } = await move(GARY, "switch", { move: "tackle" });
    expect(events[0]).toMatchObject({ side: 1, switch: 2 });
    const own = (await ask(world, "battle", ASH, "GET_BATTLE", { battleId: "switch" })).data;
    expect(Object.keys(own.sides[0].team[0].stages)).toEqual([]);
  });
});

test("the opponent's bench is hidden until it was in the field", async () => {
  await friendly([[member("seen"), member("secret")], [member("foe")]], "fog");
  const look = (from: string) => ask(world, "battle", from, "GET_BATTLE", { battleId: "fog" });
  for (const from of [GARY, STRANGER])
    expect(JSON.stringify((await look(from)).data)).not.toContain("secret");
  expect(JSON.stringify((await look(ASH)).data)).toContain("secret");
  await move(ASH, "fog", { switchTo: 2 });
  await move(GARY, "fog", { move: "tackle" });
  expect(JSON.stringify((await look(GARY)).data)).toContain("secret");
});

test("a replay is verified: one changed choice gives another digest", async () => {
  const fast = member("a", { moves: ["tackle", "swift"] });
  const play = async (id: string, choice: string) => {
    await friendly([[fast], [fast]], id);
    for (let turn = 0; turn < 3; turn++) {
      await move(ASH, id, { move: turn === 1 ? choice : "tackle" });
      await move(GARY, id, { move: "tackle" });
    }
    await ask(world, "battle", GARY, "FORFEIT", { battleId: id });
    return (await ask(world, "battle", STRANGER, "REPLAY_BATTLE", { battleId: id })).data;
  };
  const straight = await play("proof", "tackle");
  expect(straight).toMatchObject({ equal: true, ending: { kind: "FORFEIT", by: 2 } });
  const copy = await world.get("battle").clone();
  const kept = `Fleet.state("battles").battles.proof`;
  await copy.eval(
    `local j = require("fleet.json") local a = j.decode(${kept}.play) a.history[2][1] = "swift" ${kept}.play = j.encode(a)`,
  );
  const forged = await copy.send({ From: STRANGER, Action: "REPLAY_BATTLE", Data: { battleId: "proof" } });
  expect(forged.reply?.data).toMatchObject({ success: true, equal: false, digest: straight.digest });
  await copy.drop();
});

test("a battle moves to another process and continues there with the same result", async () => {
  await friendly([[member("a"), member("b")], [member("c")]], "moved");
  await move(ASH, "moved", { move: "tackle" });
  await move(GARY, "moved", { move: "tackle" });
  await move(ASH, "moved", { switchTo: 2 });
  const here = world.get("battle");
  const there = await here.clone();
  const exported = (await here.send({ Action: "EXPORT_STATE" })).reply?.data;
  await there.eval(`local s = Fleet.state("battles") for k in pairs(s) do s[k] = nil end`);
  const { state, digest } = exported ?? {};
  const imported = await there.send({ Action: "IMPORT_STATE", Epoch: "1", Data: { state, digest } });
  expect(imported.reply?.data).toMatchObject({ success: true, digest });
  await there.load({ release: "r2" });
  const ends = [];
  for (const process of [here, there]) {
    const send = (From: string, Action: string, Data: object) => process.send({ From, Action, Data });
    await send(GARY, "SUBMIT_MOVE", { battleId: "moved", move: "tackle" });
    const { reply } = await send(GARY, "FORFEIT", { battleId: "moved" });
    ends.push(reply?.data.digest);
  }
  expect(ends[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(ends[1]).toBe(ends[0]);
  await there.drop();
});

describe("in a battle, nobody", () => {
  test.each(["SUBMIT_MOVE", "FORFEIT", "CLAIM_TIMEOUT"])("outside it may %s", async (action) => {
    const id = `closed-${action.toLowerCase().replace("_", "-")}`;
    await friendly([[member("a")], [member("b")]], id);
    const { data } = await ask(world, "battle", STRANGER, action, { battleId: id, move: "tackle" });
    expect(code(data)).toBe("NOT_YOUR_BATTLE");
  });

  test("waits forever: a player who does not move loses, and one who never agreed did not take part", async () => {
    await friendly([[member("a")], [member("b")]], "absent");
    const claim = (battleId: string) => ask(world, "battle", ASH, "CLAIM_TIMEOUT", { battleId });
    await move(ASH, "absent", { move: "tackle" });
    expect(code((await claim("absent")).data)).toBe("TOO_EARLY");
    world.advance(600_000);
    expect((await claim("absent")).data).toMatchObject({ ending: "ABANDONED", draw: true });

    await friendly([[member("a")], [member("b")]], "slow");
    await move(GARY, "slow", { move: "tackle" });
    expect(code((await claim("slow")).data)).toBe("YOUR_TURN");
    await move(ASH, "slow", { move: "tackle" });
    await move(ASH, "slow", { move: "tackle" });
    world.advance(600_000);
    expect((await claim("slow")).data).toMatchObject({ ending: "TIMEOUT", winner: ASH });
  });
});

describe("a battle does not start", () => {
  test.each([
    ["against oneself", { opponent: ASH }, "SELF_BATTLE"],
    ["without an opponent", {}, "INVALID_DATA"],
    ["with half the teams", { opponent: GARY, team: [member("a")] }, "INVALID_DATA"],
    ["with no team", { opponent: GARY, team: [], opponentTeam: [member("a")] }, "BAD_TEAM"],
    ["with seven", { opponent: GARY, team: Array(7).fill(member("a")), opponentTeam: [] }, "INVALID_DATA"],
    ...[
      { level: 101 },
      { level: 1.5 },
      { types: ["sound"] },
      { types: ["fire", "water", "grass"] },
      { moves: ["fly"] },
      { moves: [] },
      { moves: [7] },
      { stats: { hp: -1 } },
      { stats: 7 },
      { species: "" },
    ].map((wrong) => [
      `with ${JSON.stringify(wrong)}`,
      { opponent: GARY, team: [member("a", wrong)], opponentTeam: [member("b")] },
      "BAD_TEAM",
    ]),
    [
      "with an id that is in use",
      { opponent: GARY, battleId: "order", team: [], opponentTeam: [] },
      "BATTLE_EXISTS",
    ],
  ] as [string, object, string][])("%s", async (_, data, expected) => {
    expect(code((await ask(world, "battle", ASH, "START_BATTLE", data)).data)).toBe(expected);
  });

  test("with an opponent without pokemon, as the pokemon process answers", async () => {
    const { data } = await ask(world, "battle", GARY, "START_BATTLE", { opponent: address("nobody") });
    expect(code(data)).toBe("NO_PARTY");
  });

  test("by a player with eight challenges already", async () => {
    const busy = address("busy");
    const start = () =>
      ask(world, "battle", busy, "START_BATTLE", {
        opponent: address("other"),
        team: [member("a")],
        opponentTeam: [member("b")],
      });
    for (let i = 0; i < 8; i++) expect(code((await start()).data)).toBe("ok");
    expect(code((await start()).data)).toBe("TOO_MANY_BATTLES");
  });
});

test("a ranked battle without a reachable pokemon process is refused by name or after a time-out, and leaves nothing", async () => {
  const battle = await world.get("battle").clone();
  const wire = (peers: object) =>
    battle.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers, hash: "x" } });
  const start = () =>
    battle.send({ From: ASH, Action: "START_BATTLE", Data: { opponent: GARY, battleId: "x" } });
  await wire({});
  expect((await start()).reply?.data.error?.code).toBe("PEER_UNKNOWN");
  await wire({ pokemon: address("absent") });
  expect((await start()).reply).toBeUndefined();
  const later = await battle.send({ From: STRANGER, Action: "Info", Timestamp: battle.now + 31_000 });
  const late = later.messages.find((each) => each.Target === ASH);
  expect(JSON.parse(late?.Data ?? "{}").error.code).toBe("TIMEOUT");
  const open = await battle.send({ From: ASH, Action: "GET_BATTLE", Data: { battleId: "x" } });
  expect(open.reply?.data.error?.code).toBe("UNKNOWN_BATTLE");
  await battle.drop();
});
