/** The game's five processes on real aos, as the families of strangers attack them. */
import { ensureImages } from "../../src/localnet/fetch-images.ts";
import { ASH, ask, code, GARY, type GameReply, game, PEERS, route } from "../game/game.ts";
import { address, OWNER } from "../processes/aos.ts";
import type { World } from "../processes/world.ts";
import type { Face, Lab } from "./case.ts";

/** All processes of the game. */
export const PROCESSES = [...Object.keys(PEERS), "security"];

/** What the owner's last action before an attack says. */
export const SETTING = { MOTTO: "before the flood" };

/** A player whom the owner banned. */
export const EVE = address("eve");

/** On a node, the processes know that they are there, and get each message a second time. */
const ON_A_NODE = { tags: { Variant: "ao.N.1" }, repeats: true, twice: true };

const made = new Map<Face, Promise<World>>();

/** Booted once for all cases of a face: ASH and GARY have pokemon and money, EVE is banned, and the owner changed a setting of each process. */
async function prepared(face: Face): Promise<World> {
  await ensureImages({ log: () => {} });
  const world = await game(["security"], face === "mainnet" ? ON_A_NODE : {});
  const must = (reply: GameReply) => {
    if (code(reply.data) !== "ok") throw new Error(`${reply.action}: ${reply.text.slice(0, 200)}`);
  };
  for (const name of PROCESSES)
    for (const [configType, configData] of [
      ["PROCESS_CONFIG", { maxConcurrentRequests: 100 }],
      ["ENVIRONMENT_VARS", SETTING],
    ]) {
      const config = { configType, configData, version: 1 };
      must(await ask(world, name, OWNER, "UPDATE_CONFIG", config, { Epoch: "1" }));
    }
  for (const [account, species] of [[ASH, "pikachu"] as const, [GARY, "squirtle"] as const]) {
    must(await ask(world, "shop", OWNER, "CREDIT", { account, amount: 5000 }));
    must(await route(world, account, "pokemon", "CREATE_POKEMON", { species }));
  }
  must(await ask(world, "security", OWNER, "BAN_PLAYER", { playerId: EVE, reason: "bots" }));
  // Callers whose first request succeeded a while ago are known.
  for (const ms of [0, 15 * 60_000]) {
    world.advance(ms);
    for (const player of [ASH, GARY])
      for (const [name, action] of [
        ["coordinator", "LIST_SERVICES"],
        ["shop", "INVENTORY"],
        ["battle", "LIST_BATTLES"],
        ["pokemon", "GET_PARTY"],
      ] as const)
        must(await ask(world, name, player, action));
  }
  return world;
}

/** A copy of that world, which ends with the case. */
export async function gameWorld(lab: Lab): Promise<World> {
  const { face } = lab;
  const known = made.get(face) ?? prepared(face);
  made.set(face, known);
  const copy = await (await known).clone();
  lab.onEnd(() => copy.drop());
  lab.judging(async () => {
    const { made: count, effects } = copy.twice ?? { made: 0, effects: [] };
    return { made: count, absorbed: count - effects.length, broken: effects.map((one) => `I10: ${one}`) };
  });
  return copy;
}
