/** Steps of workflows and uses of items whose answer is late, lost or a refusal of the moment: nothing is lost, and nothing counts twice. */
import { afterEach, beforeAll, expect, test } from "vitest";
import { address, MESSENGER, OWNER } from "../processes/aos.ts";
import type { Delivery, World } from "../processes/world.ts";
import { ASH, ask, code, GARY, game, member, PEERS, route, STRANGER } from "./game.ts";

let world: World;
beforeAll(async () => {
  world = await game(["security"]);
});

const credit = (account: string, amount: number) => ask(world, "shop", OWNER, "CREDIT", { account, amount });
const start = (From: string, workflow: string, input: object, Id: string) =>
  world.send("coordinator", { From, Action: "RUN_WORKFLOW", Data: { workflow, input }, Id });
const run = (player: string, workflow: string, input: object) =>
  ask(world, "coordinator", player, "RUN_WORKFLOW", { workflow, input }).then((reply) => reply.data);
const status = (player: string, Id: string) =>
  ask(world, "coordinator", player, "WORKFLOW_STATUS", { workflowId: `workflow-${Id}` }).then(
    (reply) => reply.data,
  );
const holds = async (player: string) => {
  const { balance, items } = (await route(world, player, "shop", "INVENTORY")).data;
  return { balance, items };
};
const control = (process: string, Action: string) =>
  world
    .send(process, { From: OWNER, Action, Epoch: "1" })
    .then(({ reply }) => expect(reply?.status).toBe("ok"));
const tick = (process: string) => world.send(process, { From: STRANGER, Action: "Info" });
// A test that fails leaves the next ones what they need.
afterEach(async () => {
  world.lose = undefined;
  for (const process of ["shop", "pokemon"]) await control(process, "RESUME");
});

/** Runs something, and holds the messages of an action back; they can be delivered later. */
async function hold(action: string, during: () => Promise<unknown>): Promise<() => Promise<void>> {
  const held: Delivery[] = [];
  world.lose = (delivery) => delivery.action === action && held.push(delivery) > 0;
  await during();
  world.lose = undefined;
  expect(held).toHaveLength(1);
  return async () => {
    for (const { from, target, action: Action, text, tags } of held) {
      const to = [...world.processes].find(([, each]) => each.id === target)?.[0] ?? "";
      const From = world.get(from).id;
      const { Action: _, ...Tags } = tags;
      await world.send(to, {
        From,
        Owner: MESSENGER,
        Action,
        Data: text,
        Tags: { ...Tags, "From-Process": From },
      });
    }
  };
}

/** A run whose undo waits, because the shop drains since it sold the first step. */
async function undoing(player: string, id: string): Promise<void> {
  const bought = await hold("PURCHASE-Response", () =>
    start(player, "starter-purchase", { species: "eevee" }, id),
  );
  await control("shop", "DRAIN");
  await bought();
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATING" });
}

test("an undo waits for a shop that drains, and the money is back", async () => {
  const [player, id] = [address("drained"), address("drained-run")];
  await credit(player, 1000);
  await undoing(player, id);
  world.advance(121_000);
  await status(player, id);
  // However often it is repeated, and with whatever outcome, the trail does not grow.
  await world
    .get("coordinator")
    .eval(`local saga, run = require("saga"), Fleet.state("workflows").byId["workflow-${id}"]
    for _, code in ipairs({ "BUSY", "TIMEOUT", "BUSY" }) do saga.settle(run, { success = false, error = { code = code } }, Fleet.now()) end`);
  expect((await status(player, id)).trail.map((each) => each.outcome)).toEqual(["ok", "DRAINING", "BUSY"]);
  await control("shop", "RESUME");
  world.advance(121_000);
  await status(player, id);
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATED" });
  expect(await holds(player)).toEqual({ balance: 1000, items: [] });
});

test("runs that wait for their undo are limited: of too many, one that has done nothing ends", async () => {
  const there = await world.get("coordinator").clone();
  const kept = await there.value(`(function()
    local runs, saga, state = require("runs"), require("saga"), Fleet.state("workflows")
    runs.KEEP = 3
    local function waiting(id, player, results)
      local run = saga.start(id, "starter-purchase", player, { species = "eevee" }, #id)
      run.status, run.waits, run.results, run.request, run.askedAt = "COMPENSATING", true, results, id, Fleet.now() - 10000000
      run.failure = { step = "ticket", code = "GONE", message = "m", remedy = "r" }
      state.byId[id] = run
    end
    waiting("a", "p", { purchase = {} }) waiting("bb", "q", {}) waiting("ccc", "q", {})
    Fleet.store.peers = {}
    for _, id in ipairs({ "a", "bb" }) do runs.retryIfStalled(state.byId[id]) end
    waiting("dddd", "r", { purchase = {} })
    runs.retryIfStalled(state.byId.dddd)
    return { state.byId.a.status, state.byId.bb.status, state.byId.ccc.status, state.byId.dddd.status }
  end)()`);
  expect(kept).toEqual(["COMPENSATING", "COMPENSATION_FAILED", "COMPENSATING", "COMPENSATING"]);
  await there.drop();
});

test("an undo whose service is gone is ended by a deployer, and takes no place of its player until then", async () => {
  const [player, id] = [address("waiting"), address("waiting-run")];
  await credit(player, 10_000);
  await undoing(player, id);
  await control("shop", "RESUME");
  const workflowId = `workflow-${id}`;
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATING" });
  await world.get("coordinator").eval(`require("runs").MAX_OPEN_EACH = 1`);
  // It has a place, and the shop refuses it.
  const next = await run(player, "starter-purchase", { species: "eevee" });
  expect(next.error?.message).toContain("LIMIT_REACHED");
  await world.get("coordinator").eval(`require("runs").MAX_OPEN_EACH = 8`);
  const giveUp = (from: string, id = workflowId) =>
    ask(world, "coordinator", from, "GIVE_UP_WORKFLOW", { workflowId: id });
  expect(code((await giveUp(player)).data)).toBe("FORBIDDEN");
  expect(code((await giveUp(OWNER, "none")).data)).toBe("UNKNOWN_WORKFLOW");
  expect((await giveUp(OWNER)).data).toMatchObject({
    status: "COMPENSATION_FAILED",
    stranded: [{ code: "GIVEN_UP" }],
  });
  expect(code((await giveUp(OWNER)).data)).toBe("NOT_WAITING");
  expect(await world.get("coordinator").value(`(require("runs").consistent())`)).toBe(true);
});

test("a pokemon that has not hatched in time is undone", async () => {
  const [player, id] = [address("egg"), address("egg-run")];
  await credit(player, 1000);
  await hold("HATCH-Response", () => start(player, "starter-purchase", { species: "eevee" }, id));
  world.advance(31_000);
  await tick("pokemon");
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATED", failure: { code: "HATCHING" } });
  expect(await world.get("pokemon").value("next(Fleet.state('pokemon').eggs) == nil")).toBe(true);
  expect(await holds(player)).toEqual({ balance: 1000, items: [] });
});

test("a step that an earlier call has done is undone, although its repetition was refused", async () => {
  const [player, id] = [address("repeated"), address("repeated-run")];
  await credit(player, 1000);
  await hold("CREATE_POKEMON-Response", () => start(player, "starter-purchase", { species: "eevee" }, id));
  const pokemon = async () => (await route(world, player, "pokemon", "LIST_POKEMON")).data.count;
  expect(await pokemon()).toBe(1);
  // As after the move of the state to another process, which has no open calls.
  await world.get("coordinator").eval("Fleet.store.calls.open, Fleet.store.calls.count = {}, 0");
  await control("pokemon", "DRAIN");
  world.advance(121_000);
  await status(player, id);
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATING", failure: { code: "DRAINING" } });
  await control("pokemon", "RESUME");
  world.advance(121_000);
  await status(player, id);
  expect(await status(player, id)).toMatchObject({ status: "COMPENSATED" });
  expect([await pokemon(), await holds(player)]).toEqual([0, { balance: 1000, items: [] }]);
});

/** A ranked battle that `winner` has won. */
const won = (id: string, players: [string, string], winner: string, amount: number) =>
  world.get("battle").eval(`
    local book, rounds, s, now = require("book"), require("rounds"), Fleet.state("battles"), Fleet.now()
    local teams = Fleet.json.decode('${JSON.stringify([[member("a")], [member("b")]])}')
    local battle = book.challenge(s, { id = "${id}", players = { "${players[0]}", "${players[1]}" }, teams = teams, ranked = true, now = now })
    book.start(s, battle, now)
    rounds.forfeit(s, battle, "${winner}" == "${players[0]}" and 2 or 1, now)
    battle.prize = { status = "OPEN", amount = ${amount} }`);
const prize = (id: string) => world.get("battle").value(`Fleet.state("battles").battles["${id}"].prize`);

test("a prize that may be paid stays claimed, is paid once, and counts for the pair", async () => {
  await won("late", [ASH, GARY], ASH, 400);
  await won("next", [ASH, GARY], ASH, 400);
  const id = address("late-run");
  await hold("CREDIT-Response", () => start(ASH, "battle-victory", { battleId: "late" }, id));
  world.advance(61_000);
  await tick("coordinator");
  expect(await status(ASH, id)).toMatchObject({ status: "INCOMPLETE", failure: { code: "TIMEOUT" } });
  expect(await prize("late")).toMatchObject({ status: "CLAIMED" });
  // Another run that the shop refuses does not release it either.
  await control("shop", "DRAIN");
  expect((await run(ASH, "battle-victory", { battleId: "late" })).error?.message).toContain("DRAINING");
  await control("shop", "RESUME");
  expect(await prize("late")).toMatchObject({ status: "CLAIMED" });
  // An earlier version of the coordinator names no claim, and pays by the battle's id alone.
  const earlier = { battleId: "late", player: ASH };
  const claimed = await ask(world, "battle", world.get("coordinator").id, "CLAIM_PRIZE", earlier);
  expect(code(claimed.data)).toBe("CLAIM_OUTDATED");
  expect((await run(ASH, "battle-victory", { battleId: "next" })).success).toBe(true);
  expect(await holds(ASH)).toMatchObject({ balance: 600 });
  expect((await run(ASH, "battle-victory", { battleId: "late" })).success).toBe(true);
  expect(await prize("late")).toMatchObject({ status: "PAID" });
  expect(await holds(ASH)).toMatchObject({ balance: 600 });
});

test("a prize is paid although another battle of the same id was", async () => {
  const [rival, helper, victim] = [address("rival"), address("helper"), address("victim")];
  await won("again", [rival, helper], rival, 300);
  expect((await run(rival, "battle-victory", { battleId: "again" })).success).toBe(true);
  await world.get("battle").eval(`local s = Fleet.state("battles")
    for place, id in ipairs(s.finished) do if id == "again" then table.remove(s.finished, place) end end
    s.battles.again = nil`);
  world.advance(1000);
  await tick("battle");
  await won("again", [rival, victim], victim, 300);
  expect(await run(victim, "battle-victory", { battleId: "again" })).toMatchObject({ status: "COMPLETED" });
  expect(await holds(victim)).toMatchObject({ balance: 300 });
});

test.each([
  ["repeats the payment of one that is claimed", "CLAIMED", true],
  ["pays none that is open again, for less than before", "OPEN", false],
])("after a rollback of battle alone, its earlier version %s", async (_, left, isPaid) => {
  const [player, battleId, id] = [address(`back-${left}`), `back-${left}`, address(`back-run-${left}`)];
  await won(battleId, [player, address("loser")], player, 300);
  await hold("CREDIT-Response", () => start(player, "battle-victory", { battleId }, id));
  world.advance(61_000);
  await tick("coordinator");
  expect(await status(player, id)).toMatchObject({ status: "INCOMPLETE" });
  // The earlier process knows neither the claim's id nor the prize's.
  await world.get("battle").eval(`Fleet.state("battles").battles["${battleId}"].awardId = nil
      Fleet.state("battles").battles["${battleId}"].prize = { status = "${left}", amount = 300, claimed = 300 }`);
  expect((await run(player, "battle-victory", { battleId })).success).toBe(isPaid);
  expect(await holds(player)).toMatchObject({ balance: 300 });
});

test("a prize that several runs have claimed is released by none of them", async () => {
  const player = address("claimant");
  await won("claimed", [player, address("loser")], player, 300);
  const say = (action: string, claimId: string) =>
    ask(world, "battle", OWNER, action, { battleId: "claimed", player, claimId });
  await say("CLAIM_PRIZE", "one");
  await say("RELEASE_PRIZE", "one");
  expect(await prize("claimed")).toMatchObject({ status: "OPEN" });
  for (const action of ["CLAIM_PRIZE", "RELEASE_PRIZE"])
    for (const id of ["one", "two"]) await say(action, id);
  expect(await prize("claimed")).toMatchObject({ status: "CLAIMED" });
});

test("experience is given by an id that no other battle has, and with its time", async () => {
  await won("grown", [ASH, GARY], ASH, 0);
  const [at, finishedAt] = (await world.get("battle").value(`(function()
    local battle = Fleet.state("battles").battles.grown
    battle.experience = { status = "PENDING", awards = { { pokemonId = "a", amount = 1 } } }
    return { battle.startedAt, battle.finishedAt }
  end)()`)) as [number, number];
  const request = { From: STRANGER, Action: "SETTLE_BATTLE", Data: { battleId: "grown" } };
  const { deliveries } = await world.send("battle", request);
  const given = deliveries.find(({ action }) => action === "GAIN_EXPERIENCE");
  expect(JSON.parse(given?.text ?? "{}")).toMatchObject({ awardId: `battle/grown@${at}`, at: finishedAt });
});

/** A trainer with a pikachu and money for two stones. */
async function trainer(name: string) {
  const player = address(name);
  const made = await ask(world, "pokemon", OWNER, "CREATE_POKEMON", { species: "pikachu", trainer: player });
  await credit(player, 6000);
  const request = { pokemonId: made.data.pokemon.pokemonId, item: "thunder-stone" };
  const buy = (quantity: number) => ask(world, "shop", player, "PURCHASE", { item: request.item, quantity });
  const evolve = () => ask(world, "pokemon", player, "EVOLVE", request).then((reply) => reply.data);
  const send = () => world.send("pokemon", { From: player, Action: "EVOLVE", Data: request });
  return { player, buy, evolve, send };
}
const ONE = [{ item: "thunder-stone", quantity: 1 }];

test("a stone is used once although the shop refused the repetition for the moment", async () => {
  const { player, buy, evolve, send } = await trainer("refused");
  await buy(2);
  await hold("CONSUME_ITEM-Response", send);
  world.advance(31_000);
  await tick("pokemon");
  await control("shop", "DRAIN");
  expect(code(await evolve())).toBe("DRAINING");
  await control("shop", "RESUME");
  expect(await evolve()).toMatchObject({ success: true, species: "raichu" });
  expect(await holds(player)).toMatchObject({ items: ONE });
});

test("a stone is used once although two requests are open", async () => {
  const { player, buy, evolve, send } = await trainer("twice");
  const refused = await hold("Error-Response", send);
  await buy(2);
  expect(code(await evolve())).toBe("EVOLVING");
  await refused();
  expect(await evolve()).toMatchObject({ success: true, species: "raichu" });
  expect(await holds(player)).toMatchObject({ items: ONE });
});

test("a run completes although its request lost its place, also with a traffic table", async () => {
  const [player, id] = [address("displaced"), address("displaced-run")];
  await credit(player, 1000);
  const coordinator = world.get("coordinator");
  await coordinator.eval(`require("fleet.router-state").state.table = { mode = "steady", salt = "s", release = "r", services = {
    shop = { key = "sender", routes = { { processId = Fleet.peer("shop"), revision = "one", weightBp = 10000 } } } } }`);
  const bought = await hold("PURCHASE-Response", () =>
    start(player, "starter-purchase", { species: "eevee" }, id),
  );
  // One place: the next request takes it.
  await coordinator.eval(
    `local slots = require("fleet.slots") usual, slots.limit = slots.limit, function() return 1 end`,
  );
  const next = { From: OWNER, Action: "ROUTE", Data: { service: "shop", action: "LIST_ITEMS", data: {} } };
  const { deliveries } = await world.send("coordinator", next);
  expect(deliveries.find((each) => each.target === player)?.data.error?.code).toBe("BUSY");
  await coordinator.eval(`require("fleet.slots").limit = usual`);
  await bought();
  expect(await status(player, id)).toMatchObject({ status: "COMPLETED" });
  await coordinator.eval(`require("fleet.router-state").state.table = nil`);
});

test("an award counts once, however many others come before its repetition", async () => {
  const made = await ask(world, "pokemon", OWNER, "CREATE_POKEMON", {
    species: "pikachu",
    trainer: address("grown"),
  });
  const { pokemonId } = made.data.pokemon;
  const gain = async (n: number, more: object = {}) => {
    const award = { pokemonId, amount: 10, awardId: `battle/${n}`, at: 1000 + n, ...more };
    return (await ask(world, "pokemon", OWNER, "GAIN_EXPERIENCE", award)).data.results[0];
  };
  // As a pokemon of an earlier version has it.
  expect(await gain(0, { at: undefined })).toMatchObject({ gained: 10 });
  await world.get("pokemon").eval(`Fleet.state("pokemon").pokemon["${pokemonId}"].awardedAt = nil`);
  for (let n = 1; n <= 40; n += 1) expect(await gain(n)).toMatchObject({ gained: 10, repeated: false });
  for (const n of [1, 8, 9, 40]) expect(await gain(n)).toMatchObject({ gained: 0, repeated: true });
  // So many came first that nobody knows whether it was given.
  expect(await gain(1)).toMatchObject({ tooOld: true });
  expect(await gain(40)).not.toHaveProperty("tooOld");
  // An earlier version, to which a rollback returned, keeps only ids.
  await world.get("pokemon").eval(`local one = Fleet.state("pokemon").pokemon["${pokemonId}"]
    for n = 41, 45 do table.remove(one.awards, 1) one.awards[#one.awards + 1] = "battle/" .. n end`);
  for (let n = 46; n <= 76; n += 1)
    expect(await gain(n, { at: n === 60 ? 900_000 : 1000 + n })).toMatchObject({ gained: 10 });
  for (const n of [46, 60, 76]) expect(await gain(n)).toMatchObject({ gained: 0, repeated: true });
  const { pokemon } = (await ask(world, "pokemon", STRANGER, "GET_POKEMON", { pokemonId })).data;
  expect(pokemon.experience).toBe(125 + 410 + 310);
  // An earlier battle process, to which a rollback returned, names the battle alone.
  expect(await gain(77, { awardId: "battle/back@1077" })).toMatchObject({ gained: 10 });
  const earlier = { at: undefined };
  expect(await gain(77, { awardId: "battle/back", ...earlier })).toMatchObject({ gained: 0, repeated: true });
  expect(await gain(77, { awardId: "battle/bac", ...earlier })).toMatchObject({
    gained: 10,
    repeated: false,
  });
});

test("experience of a battle that so many others passed is reported as unknown, and not requested again", async () => {
  const there = await world.get("battle").clone();
  const seen = await there.value(`(function()
    local fleet, settlement, s = require("fleet"), require("settlement"), Fleet.state("battles")
    local answer
    fleet.call = function(_, _, _, continuation) answer = continuation end
    s.battles.old = { id = "old", finishedAt = 5, players = { "a", "b" }, ranked = false, experience = { status = "PENDING", awards = {} } }
    settlement.begin("old", 5)
    answer({ success = true, results = { { gained = 0, repeated = true, tooOld = true } } })
    answer = nil
    settlement.begin("old", 10000000)
    return { s.battles.old.experience.status, s.battles.old.experience.reason, answer == nil }
  end)()`);
  expect(seen).toEqual(["UNKNOWN", "TOO_OLD", true]);
  await there.drop();
});

test("only security sets bans", async () => {
  const banned = (process: string) =>
    world.get(process).value(`Fleet.state("banned").players["${STRANGER}"] ~= nil`);
  for (const [process, [from = ""]] of Object.entries(PEERS)) {
    await world.send(process, {
      ...{ From: world.get(from).id, Owner: MESSENGER, Tags: { "From-Process": world.get(from).id } },
      Action: "SET_BANS",
      Data: { seq: 1_000_000, since: 0, bans: [{ playerId: STRANGER }] },
    });
    expect([process, await banned(process)]).toEqual([process, false]);
  }
  // A deployer can act for security, but bans nobody whose id is longer than that of a player.
  for (const process of Object.keys(PEERS)) {
    const bans = [{ playerId: "x".repeat(129) }];
    await world.send(process, { From: OWNER, Action: "SET_BANS", Data: { seq: 1, since: 0, bans } });
    const nobody = await world.get(process).value(`next(Fleet.state("banned").players) == nil`);
    expect([process, nobody]).toEqual([process, true]);
  }
  await ask(world, "security", OWNER, "BAN_PLAYER", { playerId: STRANGER, reason: "bots" });
  for (const process of Object.keys(PEERS)) expect([process, await banned(process)]).toEqual([process, true]);
  // Another revision of security may as well.
  const id = address("security-2");
  await world.get("shop").eval(`require("fleet.wiring").admit("security", "${id}")`);
  await world.send("shop", {
    ...{ From: id, Owner: MESSENGER, Tags: { "From-Process": id }, Action: "SET_BANS" },
    Data: { seq: 1_000_000, since: 0, bans: [{ playerId: GARY }] },
  });
  expect(await world.get("shop").value(`Fleet.state("banned").players["${GARY}"] ~= nil`)).toBe(true);
});
