import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, MESSENGER, type OutMessage, OWNER, readReply } from "../processes/aos.ts";
import type { World } from "../processes/world.ts";
import { ASH, ask, code, GARY, game, route, type Shown, STRANGER } from "./game.ts";

let world: World;
beforeAll(async () => {
  world = await game();
});

const say = async (from: string, action: string, data: unknown = {}, tags: Record<string, string> = {}) =>
  (await ask(world, "pokemon", from, action, data, tags)).data;
const make = async (trainer: string, species: string, level = 5): Promise<Shown> => {
  const { pokemon } = await say(OWNER, "CREATE_POKEMON", { species, level, trainer });
  return pokemon;
};
const credit = (account: string, amount: number) => ask(world, "shop", OWNER, "CREDIT", { account, amount });
const run = (player: string, workflow: string, input: object) =>
  ask(world, "coordinator", player, "RUN_WORKFLOW", { workflow, input }).then((reply) => reply.data);
const shop = async (player: string) => {
  const { balance, items } = (await route(world, player, "shop", "INVENTORY")).data;
  return { balance, items };
};

describe("a starter", () => {
  test("is free once, at level 5, and joins the party", async () => {
    const { pokemon } = await say(ASH, "CREATE_POKEMON", { species: "charmander", nickname: "Lizzy" });
    expect(pokemon).toMatchObject({ species: "charmander", level: 5, trainer: ASH, experience: 125 });
    expect(pokemon.moves).toEqual(["scratch", "growl", "ember"]);
    for (const iv of Object.values(pokemon.ivs)) expect(iv).toSatisfy((n: number) => n >= 0 && n <= 31);
    const list = await say(ASH, "LIST_POKEMON");
    expect(list).toMatchObject({ count: 1, party: [pokemon.pokemonId] });
    expect(code(await say(ASH, "CREATE_POKEMON", { species: "squirtle" }))).toBe("STARTER_TAKEN");
    await say(ASH, "RELEASE_POKEMON", { pokemonId: pokemon.pokemonId });
    expect(code(await say(ASH, "CREATE_POKEMON", { species: "squirtle" }))).toBe("STARTER_TAKEN");
  });

  test.each([
    [{ species: "dragonite" }, "NOT_A_STARTER"],
    [{ species: "pikachu", level: 100 }, "NOT_A_STARTER"],
    [{ species: "missingno" }, "NOT_A_STARTER"],
    [{ species: "pikachu", trainer: ASH }, "FORBIDDEN"],
    [{ species: "pikachu", level: 0 }, "INVALID_DATA"],
    [{ species: 7 }, "INVALID_DATA"],
    [{}, "INVALID_DATA"],
  ])("is refused for %j", async (wish, expected) => {
    expect(code(await say(GARY, "CREATE_POKEMON", wish))).toBe(expected);
    expect((await say(GARY, "LIST_POKEMON")).count).toBe(0);
  });
});

test("a request is for one pokemon, and for none once it was reverted, in whatever order both arrive", async () => {
  const trainer = address("request");
  const wish = { trainer, species: "ralts", requestId: "r1" };
  const first = await say(OWNER, "CREATE_POKEMON", wish);
  expect(await say(OWNER, "CREATE_POKEMON", wish)).toMatchObject({ pokemon: first.pokemon, repeated: true });
  expect(await say(OWNER, "RELEASE_POKEMON", { trainer, requestId: "r1" })).toMatchObject({ released: true });
  expect(await say(OWNER, "RELEASE_POKEMON", { trainer, requestId: "r1" })).toMatchObject({
    released: false,
  });
  expect(code(await say(OWNER, "CREATE_POKEMON", wish))).toBe("TAKEN_BACK");
  await say(OWNER, "RELEASE_POKEMON", { trainer, requestId: "r2" });
  expect(code(await say(OWNER, "CREATE_POKEMON", { ...wish, requestId: "r2" }))).toBe("TAKEN_BACK");
  expect((await say(trainer, "LIST_POKEMON")).count).toBe(0);
});

describe("another's pokemon", () => {
  test.each([
    ["RELEASE_POKEMON", {}],
    ["SET_MOVES", { moves: ["tackle"] }],
    ["EVOLVE", {}],
    ["EVOLVE", { item: "fire-stone" }],
  ])("cannot be changed by %s %j, nor put into a party", async (action, more) => {
    const { pokemonId } = await make(GARY, "eevee");
    expect(code(await say(STRANGER, action, { pokemonId, ...more }))).toBe("NOT_YOUR_POKEMON");
    expect(code(await say(STRANGER, "SET_PARTY", { party: [pokemonId] }))).toBe("NOT_YOUR_POKEMON");
    expect(code(await say(STRANGER, action, { pokemonId, ...more }, { "On-Behalf-Of": GARY }))).toBe(
      "NOT_YOUR_POKEMON",
    );
  });

  test("is shown whole, since its state is public, and a shorter view would only look as if it were not", async () => {
    const { pokemonId } = await make(GARY, "ralts");
    const seen = (await say(STRANGER, "GET_POKEMON", { pokemonId })).pokemon;
    expect(seen).toMatchObject({
      species: "ralts",
      level: 5,
      ivs: expect.any(Object),
      nature: expect.any(String),
    });
    expect(await say(STRANGER, "GET_PARTIES", { trainers: [GARY] })).toMatchObject({ success: true });
  });
});

describe("the values of a new pokemon", () => {
  const wish = (from: string, Id: string) => ({
    From: from,
    Id,
    Action: "CREATE_POKEMON",
    Data: { species: "eevee" },
  });
  /** The process' message to itself, as a messenger delivers it. */
  const push = (p: Aos, from: OutMessage | undefined, Id: string, Timestamp: number) => {
    const { tags, text } = readReply(from ?? { Target: "", Tags: [], Data: "" });
    const { Action = "", ...Tags } = tags;
    return p.send({ From: p.id, Owner: MESSENGER, Action, Data: text, Tags, Id, Timestamp });
  };

  test("are not known when it is requested: they depend on a later message", async () => {
    const base = await world.get("pokemon").clone();
    const trainer = address("grinder");
    const asked = await base.send(wish(trainer, address("ground-offline")));
    expect(asked.reply).toBeUndefined();
    const own = asked.messages.find((each) => each.Target === base.id);
    const born = async (id: string, after: number) => {
      const p = await base.clone();
      const { messages } = await push(p, own, address(id), base.now + after);
      const answer = messages.map(readReply).find((each) => each.target === trainer);
      await p.drop();
      return answer?.data.pokemon as Shown;
    };
    const first = await born("a", 100);
    expect(await born("a", 100)).toEqual(first);
    const others = [await born("a", 101), await born("b", 100), await born("c", 100)];
    expect(new Set(others.map((each) => each.pokemonId))).toEqual(new Set([first.pokemonId]));
    expect(new Set([first, ...others].map((each) => JSON.stringify([each.ivs, each.nature]))).size).toBe(4);
    await base.drop();
  });

  test("are settled by nobody else, and by a repetition if the later message is lost", async () => {
    const p = await world.get("pokemon").clone();
    const trainer = address("unlucky");
    const asked = await p.send(wish(trainer, address("lost-egg")));
    const own = asked.messages.find((each) => each.Target === p.id);
    const { tags, text } = readReply(own ?? { Target: "", Tags: [], Data: "" });
    await p.send({ From: trainer, Action: tags.Action ?? "", Data: text, Tags: tags });
    const list = () => p.send({ From: trainer, Action: "LIST_POKEMON" });
    expect((await list()).reply?.data.count).toBe(0);
    expect((await p.send(wish(trainer, "again"))).reply?.data.error?.code).toBe("HATCHING");
    p.now += 60_000;
    const late = await p.send(wish(trainer, "once-more"));
    expect(late.messages.map(readReply).filter((each) => each.data.pokemon)).toHaveLength(1);
    expect((await list()).reply?.data.count).toBe(1);
    expect((await p.send(wish(trainer, "greedy"))).reply?.data.error?.code).toBe("STARTER_TAKEN");
    // The message of the first request arrives after all.
    await push(p, own, address("late-push"), p.now + 1);
    expect((await list()).reply?.data.count).toBe(1);
    await p.drop();
  });

  test("of others cost a request nothing, however many were never pushed", async () => {
    const p = await world.get("pokemon").clone();
    await p.eval(`local s = Fleet.state("pokemon")
      s.eggs, s.eggsOf = s.eggs or {}, nil
      for i = 1, 20000 do s.eggs["lost-" .. i] = { trainer = "w" .. i, species = "magikarp", seed = "s", at = 0, salt = "", request = "r" .. i } end
      Looked = 0
      setmetatable(s.eggs, { __pairs = function(t) Looked = Looked + 1 return next, t, nil end })`);
    for (const name of ["first", "second"]) await p.send(wish(address(name), name));
    // Once, because the state is that of an earlier version.
    expect(await p.value("Looked")).toBe(1);
    expect(await p.value(`Fleet.state("pokemon").eggsOf["${address("second")}"] ~= nil`)).toBe(true);
    await p.drop();
  });

  test("of a trainer that had one in an earlier version are not asked for again", async () => {
    const p = await world.get("pokemon").clone();
    const trainer = address("veteran");
    await p.eval(`local s = Fleet.state("pokemon") s.started["${trainer}"] = true s.eggs = nil`);
    expect((await p.send(wish(trainer, "v"))).reply?.data.error?.code).toBe("STARTER_TAKEN");
    await p.drop();
  });
});

describe("a party", () => {
  test("has at most six members, each owned and named once", async () => {
    const trainer = address("party");
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push((await make(trainer, "magikarp")).pokemonId);
    expect((await say(trainer, "LIST_POKEMON")).party).toEqual(ids.slice(0, 6));
    expect(code(await say(trainer, "SET_PARTY", { party: ids }))).toBe("INVALID_DATA");
    expect(code(await say(trainer, "SET_PARTY", { party: [ids[0], ids[0]] }))).toBe("TWICE_IN_PARTY");
    expect(code(await say(trainer, "SET_PARTY", { party: [7] }))).toBe("INVALID_DATA");
    expect((await say(trainer, "SET_PARTY", { party: [ids[6], ids[0]] })).party).toEqual([ids[6], ids[0]]);
    await say(trainer, "RELEASE_POKEMON", { pokemonId: ids[6] });
    expect((await say(trainer, "GET_PARTY")).party).toHaveLength(1);
  });
});

describe("experience", () => {
  test("raises levels, statistics and moves, and counts once per award", async () => {
    const { pokemonId, stats } = await make(GARY, "bulbasaur");
    const award = { pokemonId, amount: 1603, awardId: "b1" };
    const [result] = (await say(OWNER, "GAIN_EXPERIENCE", award)).results;
    expect(result).toMatchObject({ gained: 1603, level: 12, levelsGained: 7, learnt: ["razor-leaf"] });
    expect((await say(OWNER, "GAIN_EXPERIENCE", award)).results[0]).toMatchObject({
      gained: 0,
      repeated: true,
    });
    const { pokemon } = await say(GARY, "GET_POKEMON", { pokemonId });
    expect(pokemon).toMatchObject({ experience: 1728, level: 12, nextLevelAt: 2197 });
    expect(pokemon.stats.attack).toBeGreaterThan(stats.attack);
    expect(pokemon.moves).toEqual(["tackle", "growl", "vine-whip", "razor-leaf"]);
    expect(code(await say(GARY, "SET_MOVES", { pokemonId, moves: ["solar-beam"] }))).toBe("BAD_MOVES");
    expect((await say(GARY, "SET_MOVES", { pokemonId, moves: ["razor-leaf"] })).moves).toEqual([
      "razor-leaf",
    ]);
    await say(OWNER, "GAIN_EXPERIENCE", { pokemonId, amount: 1_000_000 });
    expect((await say(GARY, "GET_POKEMON", { pokemonId })).pokemon).toMatchObject({
      level: 100,
      experience: 1_000_000,
    });
  });

  test.each<[string, Record<string, string>, string]>([
    [STRANGER, {}, "directly"],
    [STRANGER, { "On-Behalf-Of": address("process-battle") }, "with a forged tag"],
    [address("process-coordinator"), { "On-Behalf-Of": STRANGER }, "carried by the coordinator"],
  ])("cannot be granted by a player %s %j %s", async (from, tags) => {
    const { pokemonId } = await make(STRANGER, "pikachu");
    expect(code(await say(from, "GAIN_EXPERIENCE", { pokemonId, amount: 5 }, tags))).toBe("FORBIDDEN");
    expect(
      (await route(world, STRANGER, "pokemon", "GAIN_EXPERIENCE", { pokemonId, amount: 5 })).data.error?.code,
    ).toBe("FORBIDDEN");
  });

  test.each([0, -1, 1.5, 1e300, "5", 1_000_001])("of %j is refused", async (amount) => {
    const { pokemonId } = await make(GARY, "pikachu");
    expect(code(await say(OWNER, "GAIN_EXPERIENCE", { pokemonId, amount }))).toBe("INVALID_DATA");
    const awards = [
      { pokemonId, amount: 5 },
      { pokemonId, amount },
    ];
    expect(code(await say(OWNER, "GAIN_EXPERIENCE", { awards }))).toBe("INVALID_DATA");
    expect((await say(GARY, "GET_POKEMON", { pokemonId })).pokemon.experience).toBe(125);
  });
});

describe("evolution", () => {
  test("by level: not one level early", async () => {
    const { pokemonId } = await make(GARY, "magikarp", 19);
    expect(code(await say(GARY, "EVOLVE", { pokemonId }))).toBe("LEVEL_TOO_LOW");
    await say(OWNER, "GAIN_EXPERIENCE", { pokemonId, amount: 8000 - 6859 });
    expect(await say(GARY, "EVOLVE", { pokemonId })).toMatchObject({ from: "magikarp", species: "gyarados" });
    expect(code(await say(GARY, "EVOLVE", { pokemonId }))).toBe("CANNOT_EVOLVE");
  });

  test("by stone: the shop takes exactly one", async () => {
    const trainer = address("stones");
    const { pokemonId } = await make(trainer, "eevee");
    await credit(trainer, 9000);
    expect(code(await say(trainer, "EVOLVE", { pokemonId, item: "water-stone" }))).toBe("NOT_ENOUGH_ITEMS");
    expect(code(await say(trainer, "EVOLVE", { pokemonId, item: "potion" }))).toBe("WRONG_ITEM");
    await route(world, trainer, "shop", "PURCHASE", { item: "water-stone", quantity: 2 });
    const evolved = await route(world, trainer, "pokemon", "EVOLVE", { pokemonId, item: "water-stone" });
    expect(evolved.data).toMatchObject({ success: true, from: "eevee", species: "vaporeon" });
    expect((await shop(trainer)).items).toEqual([{ item: "water-stone", quantity: 1 }]);
    const { pokemon } = await say(trainer, "GET_POKEMON", { pokemonId });
    expect(pokemon).toMatchObject({ species: "vaporeon", types: ["water"] });
  });

  test("whose answer is lost: a retry neither uses a second stone nor loses the first", async () => {
    const trainer = address("lost");
    const { pokemonId } = await make(trainer, "pikachu");
    await credit(trainer, 6000);
    await ask(world, "shop", trainer, "PURCHASE", { item: "thunder-stone", quantity: 2 });
    world.lose = (delivery) => delivery.action === "CONSUME_ITEM-Response";
    const request = { From: trainer, Action: "EVOLVE", Data: { pokemonId, item: "thunder-stone" } };
    expect((await world.send("pokemon", request)).reply).toBeUndefined();
    world.lose = undefined;
    expect(code(await say(trainer, "RELEASE_POKEMON", { pokemonId }))).toBe("EVOLVING");
    world.advance(31_000);
    const { deliveries } = await world.send("pokemon", { From: STRANGER, Action: "Info" });
    const notice = deliveries.find((each) => each.target === trainer);
    expect(notice?.data.error?.code).toBe("TIMEOUT");
    expect((await shop(trainer)).items).toEqual([{ item: "thunder-stone", quantity: 1 }]);
    expect(await say(trainer, "EVOLVE", { pokemonId, item: "thunder-stone" })).toMatchObject({
      species: "raichu",
    });
    expect((await shop(trainer)).items).toEqual([{ item: "thunder-stone", quantity: 1 }]);
  });
});

describe("workflows", () => {
  test("starter-purchase: a ticket is bought, used, and becomes a pokemon; once per player", async () => {
    const player = address("ticket");
    await credit(player, 2500);
    const done = await run(player, "starter-purchase", { species: "growlithe" });
    expect(done).toMatchObject({ success: true, status: "COMPLETED" });
    expect(done.trail.map((each) => each.outcome)).toEqual(["ok", "ok", "ok"]);
    expect(await shop(player)).toEqual({ balance: 1500, items: [] });
    expect((await say(player, "LIST_POKEMON")).pokemon[0]).toMatchObject({
      species: "growlithe",
      trainer: player,
    });
    const status = await ask(world, "coordinator", player, "WORKFLOW_STATUS", {
      workflowId: done.workflowId,
    });
    expect(status.data).toMatchObject({ status: "COMPLETED", workflow: "starter-purchase" });
    const other = await ask(world, "coordinator", STRANGER, "WORKFLOW_STATUS", {
      workflowId: done.workflowId,
    });
    expect(other.data).toMatchObject({ status: "COMPLETED" });
    const none = await ask(world, "coordinator", player, "WORKFLOW_STATUS", { workflowId: "w" });
    expect(code(none.data)).toBe("UNKNOWN_WORKFLOW");
    expect((await run(player, "starter-purchase", { species: "ralts" })).error?.message).toContain(
      "LIMIT_REACHED",
    );
  });

  test("starter-purchase of an unknown species: everything is reverted", async () => {
    const player = address("back");
    await credit(player, 1000);
    const failed = await run(player, "starter-purchase", { species: "missingno" });
    expect(failed.error).toMatchObject({ code: "WORKFLOW_FAILED" });
    expect(failed.error?.message).toContain("UNKNOWN_SPECIES");
    expect(await shop(player)).toEqual({ balance: 1000, items: [] });
    expect((await run(player, "starter-purchase", { species: "ralts" })).success).toBe(true);
  });

  test("starter-purchase whose last answer is lost: what may have happened is reverted too", async () => {
    const player = address("doubt");
    await credit(player, 1000);
    world.lose = (delivery) => delivery.action === "CREATE_POKEMON-Response";
    const request = { workflow: "starter-purchase", input: { species: "eevee" } };
    const sent = await world.send("coordinator", { From: player, Action: "RUN_WORKFLOW", Data: request });
    expect(sent.reply).toBeUndefined();
    world.lose = undefined;
    expect((await say(player, "LIST_POKEMON")).count).toBe(1);
    world.advance(61_000);
    const { deliveries } = await world.send("coordinator", { From: STRANGER, Action: "Info" });
    const notice = deliveries.find((each) => each.target === player);
    expect(notice?.data.error?.message).toContain("COMPENSATED");
    expect((await say(player, "LIST_POKEMON")).count).toBe(0);
    expect(await shop(player)).toEqual({ balance: 1000, items: [] });
  });

  test("stone-evolution: buys and uses a stone, or refunds the money", async () => {
    const player = address("wanting");
    const right = await make(player, "growlithe");
    const wrong = await make(player, "magikarp");
    await credit(player, 3000);
    const input = { pokemonId: wrong.pokemonId, item: "fire-stone" };
    expect((await run(player, "stone-evolution", input)).error?.message).toContain("WRONG_ITEM");
    expect(await shop(player)).toEqual({ balance: 3000, items: [] });
    const done = await run(player, "stone-evolution", { ...input, pokemonId: right.pokemonId });
    expect(done.results.evolve).toMatchObject({ species: "arcanine" });
    expect(await shop(player)).toEqual({ balance: 0, items: [] });
  });

  test.each([
    [{ workflow: "free-money", input: {} }],
    [{ workflow: "battle-victory", input: {} }],
    [{ workflow: "battle-victory" }],
    [{ workflow: "stone-evolution", input: { pokemonId: 7, item: [] } }],
  ])("%j is refused before anything happens", async (data) => {
    const { deliveries } = await world.send("coordinator", { From: ASH, Action: "RUN_WORKFLOW", Data: data });
    expect(deliveries.map((each) => [each.target, code(each.data)])).toEqual([[ASH, "INVALID_DATA"]]);
  });

  test("of one player: at most eight at once, and one whose call was forgotten continues on request", async () => {
    const player = address("many");
    await credit(player, 1000);
    const input = { species: "eevee" };
    world.lose = (delivery) => delivery.from === "coordinator" && delivery.action === "PURCHASE";
    const request = {
      From: player,
      Action: "RUN_WORKFLOW",
      Data: { workflow: "starter-purchase", input },
      Id: address("first-run"),
    };
    expect((await world.send("coordinator", request)).reply).toBeUndefined();
    for (let i = 1; i < 8; i++) await world.send("coordinator", { ...request, Id: address(`run-${i}`) });
    expect(code(await run(player, "starter-purchase", input))).toBe("TOO_MANY_WORKFLOWS");
    world.lose = undefined;
    await world.get("coordinator").eval("Fleet.store.calls.open, Fleet.store.calls.count = {}, 0");
    const status = () =>
      ask(world, "coordinator", OWNER, "WORKFLOW_STATUS", {
        workflowId: `workflow-${address("first-run")}`,
      });
    expect((await status()).data.status).toBe("RUNNING");
    expect((await say(player, "LIST_POKEMON")).count).toBe(0);
    world.advance(121_000);
    expect((await status()).data.status).toBe("RUNNING");
    expect((await status()).data.status).toBe("COMPLETED");
    expect((await say(player, "LIST_POKEMON")).count).toBe(1);
  });

  test("try a refund three times and report when it is impossible", async () => {
    const trail = await world.get("coordinator").value(`(function()
      local saga, log = require("saga"), {}
      local no = { success = false, error = { code = "TIMEOUT", message = "late", remedy = "" } }
      local run = saga.start("w", "starter-purchase", "p", { species = "eevee" }, 0)
      local gone = { success = false, error = { code = "ITEMS_GONE", message = "sold", remedy = "" } }
      for _, reply in ipairs({ { success = true }, no, gone, gone, gone, gone, { success = true } }) do
        log[#log + 1] = saga.command(run).action
        saga.settle(run, reply, 0)
      end
      log[#log + 1] = run.status
      log[#log + 1] = run.stranded[1].step
      return log
    end)()`);
    expect(trail).toEqual([
      "PURCHASE",
      "CONSUME_ITEM",
      "RETURN_ITEM",
      "RETURN_ITEM",
      "RETURN_ITEM",
      "REFUND",
      "REFUND",
      "COMPENSATION_FAILED",
      "ticket",
    ]);
  });

  test("with the same Correlation-Id run once", async () => {
    const player = address("again");
    await credit(player, 5000);
    const send = () =>
      ask(
        world,
        "coordinator",
        player,
        "RUN_WORKFLOW",
        { workflow: "starter-purchase", input: { species: "eevee" } },
        { "Correlation-Id": "w" },
      );
    const first = (await send()).data;
    expect((await send()).data).toEqual(first);
    expect((await say(player, "LIST_POKEMON")).count).toBe(1);
  });
});
