/** What strangers put into the battle process: what a challenge may hold, and places that they take. */
import { expect, test } from "vitest";
import { type Aos, address, boot, START } from "../processes/aos.ts";
import { code, GARY, member, STRANGER } from "./game.ts";

let at = START;
async function ask(p: Aos, from: string, action: string, data: object): Promise<string> {
  const { error, reply } = await p.send({ From: from, Action: action, Data: data, Timestamp: at });
  expect(error).toBeUndefined();
  return code(reply?.data ?? {});
}

test("a challenge keeps no long id of a pokemon, and open battles keep no player out", async () => {
  const battle = await boot("battle");
  const challenge = (from: string, opponent: string, battleId: string, pokemonId = "p".repeat(64)) =>
    ask(battle, from, "START_BATTLE", {
      ...{ opponent, battleId, team: [member("a", { pokemonId })], opponentTeam: [member("b")] },
    });
  const codes = [];
  for (let n = 0; n < 8; n += 1)
    codes.push(await challenge(STRANGER, GARY, `long-${n}`, "x".repeat(n === 0 ? 65 : 100_000)));
  expect(codes).toEqual(codes.map(() => "BAD_TEAM"));
  expect(await battle.value(`#Fleet.json.encode(Fleet.state("battles"))`)).toBeLessThan(8000);

  await battle.eval(`require("hall").MAX_OPEN = 2`);
  const accept = async (n: number) => {
    const [one, two] = [address(`one-${n}`), address(`two-${n}`)];
    await challenge(one, two, `b-${n}`);
    return ask(battle, two, "ACCEPT_BATTLE", { battleId: `b-${n}` });
  };
  expect([await accept(1), await accept(2), await accept(3)]).toEqual(["ok", "ok", "BUSY"]);
  at += 61_000;
  expect(await accept(4)).toBe("ok");
  const status = async (id: string) => battle.value(`Fleet.state("battles").battles["${id}"].status`);
  // The one that nobody has continued for longest ends, as a draw.
  expect([await status("b-1"), await status("b-2"), await status("b-4")]).toEqual([
    "FINISHED",
    "ACTIVE",
    "ACTIVE",
  ]);
  await battle.drop();
}, 60_000);

test("whoever is losing a ranked battle does not make it a draw by silence while others take all places", async () => {
  const battle = await boot("battle");
  await battle.eval(`require("hall").MAX_OPEN = 2`);
  const [winner, loser] = [address("winner"), address("loser")];
  const sealed = { sealed: true, team: [member("a")], opponentTeam: [member("b")] };
  expect(await ask(battle, winner, "START_BATTLE", { opponent: loser, battleId: "r", ...sealed })).toBe("ok");
  expect(await ask(battle, loser, "ACCEPT_BATTLE", { battleId: "r" })).toBe("ok");
  await battle.eval(`Fleet.state("battles").battles.r.ranked = true`);
  expect(await ask(battle, winner, "SUBMIT_MOVE", { battleId: "r", commit: "0".repeat(64) })).toBe("ok");
  const accept = async (n: number) => {
    const [one, two] = [address(`one-${n}`), address(`two-${n}`)];
    await ask(battle, one, "START_BATTLE", {
      ...{ opponent: two, battleId: `b-${n}`, team: [member("a")], opponentTeam: [member("b")] },
    });
    return ask(battle, two, "ACCEPT_BATTLE", { battleId: `b-${n}` });
  };
  at += 61_000;
  expect([await accept(0), await accept(1)]).toEqual(["ok", "BUSY"]);
  // The time of a move.
  at += 600_000;
  expect(await accept(2)).toBe("ok");
  expect(await battle.value(`Fleet.state("battles").battles.r.winner`)).toBe(winner);
  await battle.drop();
}, 60_000);

test("ranked battles in which one player waits for the other keep only half of the places for the time of a move", async () => {
  const battle = await boot("battle");
  await battle.eval(`require("hall").MAX_OPEN = 3`);
  const teams = { team: [member("a")], opponentTeam: [member("b")] };
  const begin = async (from: string, opponent: string, battleId: string) => {
    await ask(battle, from, "START_BATTLE", { opponent, battleId, sealed: true, ...teams });
    return ask(battle, opponent, "ACCEPT_BATTLE", { battleId });
  };
  const [slow, silent] = [address("slow"), address("silent")];
  for (const [n, late] of [slow, silent, silent].entries()) {
    const battleId = `w-${n}`;
    expect(await begin(address(`waits-${n}`), late, battleId)).toBe("ok");
    await battle.eval(`Fleet.state("battles").battles["${battleId}"].ranked = true`);
    const move = { battleId, commit: "0".repeat(64) };
    expect(await ask(battle, address(`waits-${n}`), "SUBMIT_MOVE", move)).toBe("ok");
  }
  const next = (n: number) => begin(address(`one-${n}`), address(`two-${n}`), `next-${n}`);
  expect(await next(0)).toBe("BUSY");
  at += 61_000;
  // First one of the player whom two of three wait for. The two that are left are still more than half, the last one is not.
  expect([await next(1), await next(2), await next(3)]).toEqual(["ok", "ok", "BUSY"]);
  const states = await battle.value(`(function()
    local of, list = Fleet.state("battles").battles, {}
    for n = 0, 2 do local b = of["w-" .. n] list[n + 1] = b.status .. " " .. tostring(b.winner) end
    return list end)()`);
  expect(states).toEqual([`FINISHED ${address("waits-0")}`, `FINISHED ${address("waits-1")}`, "ACTIVE nil"]);
  await battle.drop();
}, 60_000);
