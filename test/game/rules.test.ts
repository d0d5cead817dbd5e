import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, boot } from "../processes/aos.ts";
import { member, STRANGER } from "./game.ts";

let battle: Aos;
let pokemon: Aos;
beforeAll(async () => {
  battle = await boot("battle");
  pokemon = await boot("pokemon");
});

/** The value of an expression, of a type that the test knows. */
async function evaluate<T>(process: Aos, expression: string): Promise<T> {
  return (await process.value(expression)) as T;
}

describe("dice", () => {
  test("are PCG32: the reference program's first six numbers for seed 42, stream 54", async () => {
    const numbers = await battle.value(
      `(function() local r = require("random") local g, t = r.new(42, 54), {} for i = 1, 6 do t[i] = r.next(g) end return t end)()`,
    );
    expect(numbers).toEqual([0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e]);
  });

  test("are seeded by FNV-1a over 64 bits", async () => {
    const hashes = await battle.value(
      `(function() local h = require("random").hash return { string.format("%x", h("")), string.format("%x", h("a")), string.format("%x", h("foobar")) } end)()`,
    );
    expect(hashes).toEqual(["cbf29ce484222325", "af63dc4c8601ec8c", "85944171f73967e8"]);
  });

  test("are fair: six faces over 6,000 throws, chi-square below the 0.1 % limit of 20.5", async () => {
    const counts = await evaluate<number[]>(
      battle,
      `(function() local r = require("random") local g, t = r.fromText("even"), { 0, 0, 0, 0, 0, 0 } for i = 1, 6000 do local n = r.between(g, 1, 6) t[n] = t[n] + 1 end return t end)()`,
    );
    const chi = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(counts.reduce((a, b) => a + b)).toBe(6000);
    expect(chi).toBeLessThan(20.5);
  });
});

describe("types", () => {
  test("18 × 18: 51 strong, 61 weak, 8 without effect, 204 neutral", async () => {
    const totals = await battle.value(
      `(function() local t = require("types") local c = { 0, 0, 0, 0 } local at = { [0] = 1, [2] = 2, [4] = 3, [8] = 4 } for _, a in ipairs(t.NAMES) do for _, d in ipairs(t.NAMES) do local i = at[t.effectiveness(a, { d })] c[i] = c[i] + 1 end end return c end)()`,
    );
    expect(totals).toEqual([8, 61, 204, 51]);
  });

  test.each([
    ["electric", ["water", "flying"], 16],
    ["ground", ["electric", "flying"], 0],
    ["fire", ["grass", "poison"], 8],
    ["grass", ["fire", "flying"], 1],
    ["fighting", ["normal", "ghost"], 0],
    ["dragon", ["fairy"], 0],
    ["typeless", ["ghost", "steel"], 4],
  ])("%s on %j is %i quarters", async (attacking, defending, quarters) => {
    const list = `{ ${defending.map((each) => `"${each}"`).join(", ")} }`;
    expect(await battle.value(`require("types").effectiveness("${attacking}", ${list})`)).toBe(quarters);
  });
});

describe("damage", () => {
  const hit = (fields: string) => battle.value(`require("damage").hit({ ${fields} })`);

  test("the published example: Ice Fang of a level 75 with 123 attack on 163 defense, same type, fourfold", async () => {
    const rolls = await evaluate<number[]>(
      battle,
      `(function() local d, t = require("damage"), {} for roll = 85, 100 do t[#t + 1] = d.hit({ level = 75, power = 65, attack = 123, defense = 163, stab = true, quarters = 16, roll = roll }) end return t end)()`,
    );
    expect(rolls).toEqual([168, 168, 168, 172, 172, 172, 180, 180, 180, 184, 184, 184, 192, 192, 192, 196]);
  });

  // By hand: floor(floor(floor(2·50/5 + 2)·40·100/100) / 50) + 2 = floor(22·40/50) + 2 = 19.
  test.each([
    ["", 19],
    ["critical = true,", 28],
    ["stab = true,", 28],
    ["critical = true, stab = true,", 42],
    ["roll = 85,", 16],
    ["quarters = 8,", 38],
    ["quarters = 2,", 9],
    ["quarters = 1,", 4],
    ["quarters = 0, critical = true,", 0],
  ])("by hand, level 50, power 40, equal statistics, %s", async (more, expected) => {
    expect(await hit(`${more} level = 50, power = 40, attack = 100, defense = 100`)).toBe(expected);
  });

  test("a hit with any effect takes at least 1", async () => {
    expect(await hit("level = 1, power = 1, attack = 1, defense = 999, quarters = 1, roll = 85")).toBe(1);
  });

  test("stages: +6 is fourfold, -6 a quarter, more is cut off", async () => {
    const staged = await battle.value(
      `(function() local s = require("damage").staged return { s(100, 6), s(100, -6), s(100, 9), s(100, 1), s(100, -1), s(1, -6) } end)()`,
    );
    expect(staged).toEqual([400, 25, 400, 150, 66, 1]);
  });

  test("CALCULATE_DAMAGE returns the sixteen rolls of a hit", async () => {
    const { reply } = await battle.send({
      From: STRANGER,
      Action: "CALCULATE_DAMAGE",
      Data: { attacker: member("a"), defender: member("b", { types: ["rock"] }), move: "tackle" },
    });
    // 22·40·80/80/50 + 2 = 19; 85 %: 16, same type 24, half 12 … 100 %: 19, 28, 14.
    expect(reply?.data).toMatchObject({ success: true, least: 12, most: 14, effectiveness: 0.5 });
    expect(reply?.data.rolls).toHaveLength(16);
  });
});

test("a critical hit ignores stages to the attacker's disadvantage, and only those", async () => {
  const amounts = await battle.value(`(function()
    local of, list = require("damage").of, {}
    local move = { type = "fire", power = 40, category = "physical" }
    local function fighter(stages)
      return { level = 50, types = { "normal" }, stages = stages, stats = { attack = 100, defense = 100 } }
    end
    for _, critical in ipairs({ false, true }) do
      for _, pair in ipairs({ { { attack = -2 }, {} }, { {}, { defense = 2 } }, { { attack = 2 }, { defense = -2 } } }) do
        list[#list + 1] = (of(fighter(pair[1]), fighter(pair[2]), move, critical, 100))
      end
    end
    return list
  end)()`);
  // 22·40·50/100/50 + 2 = 10, the same from the other side, 22·40·200/50/50 + 2 = 72; critical: 19·3/2, 19·3/2, 72·3/2.
  expect(amounts).toEqual([10, 10, 72, 28, 28, 108]);
});

test("members of equal speed go first equally often, by the dice", async () => {
  const first = await evaluate<number>(
    battle,
    `(function()
    local turn, n = require("turn"), 0
    local one = { species = "a", level = 50, types = { "water" }, moves = { "splash" }, stats = { hp = 9, speed = 80 } }
    for seed = 1, 400 do
      n = n + turn.resolve(turn.arena({ { one }, { one } }, "seed " .. seed), { "splash", "splash" })[1].side - 1
    end
    return n
  end)()`,
  );
  expect(Math.abs(first - 200)).toBeLessThan(5 * Math.sqrt(400 * 0.25));
});

test("experience is shared by the fighters that stand; a prize is for the strongest that fell", async () => {
  const worth = await battle.value(`(function()
    local rewards = require("rewards")
    local function side(...) return { team = { ... }, seen = { true, true, false, true } } end
    local battle = {
      arena = { winner = 2, sides = {
        side({ hp = 0, level = 7 }, { hp = 5, level = 90 }, { hp = 0, level = 14 }),
        side({ hp = 5 }, { hp = 0 }, { hp = 5 }, { hp = 5 }),
      } },
      teams = {
        { { baseExperience = 60 }, { baseExperience = 60 }, { baseExperience = 60 } },
        { { pokemonId = "a" }, { pokemonId = "b" }, { pokemonId = "c" }, { pokemonId = "d" } },
      },
    }
    return { awards = rewards.experience(battle), prize = rewards.prize(battle) }
  end)()`);
  // 60·7/7 + 60·14/7 = 180, 270 for trainers' battles, shared by two.
  expect(worth).toEqual({
    awards: [
      { pokemonId: "a", amount: 135 },
      { pokemonId: "d", amount: 135 },
    ],
    prize: 560,
  });
});

test("accuracy is exact: 80 of 100 hit within five standard deviations, over 1,000 seeds", async () => {
  const hits = await evaluate<number>(
    battle,
    `(function()
    local turn, hits = require("turn"), 0
    local one = { species = "a", level = 50, types = { "water" }, moves = { "hydro-pump" },
      stats = { hp = 999, attack = 80, defense = 80, specialAttack = 80, specialDefense = 80, speed = 80 } }
    for seed = 1, 500 do
      for _, event in ipairs(turn.resolve(turn.arena({ { one }, { one } }, "seed " .. seed), { "hydro-pump", "hydro-pump" })) do
        if not event.missed then hits = hits + 1 end
      end
    end
    return hits
  end)()`,
  );
  expect(Math.abs(hits - 800)).toBeLessThan(5 * Math.sqrt(1000 * 0.8 * 0.2));
});

describe("growth", () => {
  // The published worked example: Garchomp, level 78, adamant.
  test.each([
    ["hp", 108, 24, 74, 289],
    ["attack", 130, 12, 190, 278],
    ["defense", 95, 30, 91, 193],
    ["specialAttack", 80, 16, 48, 135],
    ["specialDefense", 85, 23, 84, 171],
    ["speed", 102, 5, 23, 171],
  ])("%s of the worked example", async (stat, base, iv, ev, expected) => {
    expect(
      await pokemon.value(`require("growth").stat("${stat}", ${base}, ${iv}, ${ev}, 78, "adamant")`),
    ).toBe(expected);
  });

  test("levels follow n³ and end at 100", async () => {
    const levels = await pokemon.value(
      `(function() local l = require("growth").levelOf return { l(0), l(7), l(8), l(124), l(125), l(999999), l(1000000), l(9007199254740991) } end)()`,
    );
    expect(levels).toEqual([1, 1, 2, 4, 5, 99, 100, 100]);
  });

  test("effort stops at 252 for one statistic and 510 in total", async () => {
    const evs = await pokemon.value(
      `(function() local e = { hp = 250, attack = 250 } require("growth").addEffort(e, { hp = 252, attack = 252, speed = 252 }) return { e.hp, e.attack, e.speed } end)()`,
    );
    expect(evs).toEqual([252, 252, 6]);
  });

  test("natures: 25, five of them neutral", async () => {
    const sums = await pokemon.value(
      `(function() local g = require("growth") local n = 0 for _, name in ipairs(g.NATURES) do if g.stat("attack", 100, 0, 0, 50, name) == 105 and g.stat("speed", 100, 0, 0, 50, name) == 105 and g.stat("defense", 100, 0, 0, 50, name) == 105 and g.stat("specialAttack", 100, 0, 0, 50, name) == 105 and g.stat("specialDefense", 100, 0, 0, 50, name) == 105 then n = n + 1 end end return { #g.NATURES, n } end)()`,
    );
    expect(sums).toEqual([25, 5]);
  });
});

test("battles know every move that a species can learn, and every evolution exists", async () => {
  const learnt = await evaluate<string[]>(
    pokemon,
    `(function() local d, seen, list = require("species"), {}, {} for _, name in ipairs(d.names()) do for _, move in ipairs(d.learnable(name, 100)) do if not seen[move] then seen[move] = true list[#list + 1] = move end end end return list end)()`,
  );
  const known = await evaluate<string[]>(battle, `require("moves").names()`);
  expect(learnt.length).toBeGreaterThan(40);
  expect(learnt.filter((move) => !known.includes(move))).toEqual([]);
  const lost = await pokemon.value(
    `(function() local d, n = require("species"), 0 for _, name in ipairs(d.names()) do for _, way in ipairs(d.get(name).evolutions) do if not d.get(way.into) then n = n + 1 end end end return { #d.names(), n } end)()`,
  );
  expect(lost).toEqual([25, 0]);
});
