/** Shared by the game's tests: players, their requests, and a small world of the game's processes. */
import { sha256 } from "../../src/core/hash.ts";
import { address, type Reply, type ReplyData } from "../processes/aos.ts";
import { fleet, type World, type WorldOptions } from "../processes/world.ts";

export const ASH = address("ash");
export const GARY = address("gary");
export const STRANGER = address("stranger");

/** Peers of the game's four processes, as the fleet declares them. */
export const PEERS = {
  coordinator: ["battle", "pokemon", "shop", "security"],
  battle: ["coordinator", "security", "pokemon"],
  pokemon: ["coordinator", "security", "battle", "shop"],
  shop: ["coordinator", "security", "pokemon"],
};

/** The events of a turn. */
export interface TurnEvent {
  side: number;
  damage: number;
  recoil: number;
}

/** A side of a battle; every team has at least one member. */
export interface Side {
  hasMoved: boolean;
  team: [Fighter, ...Fighter[]];
}

/** A member of a team, with what its owner sees. */
export interface Fighter {
  moves?: unknown;
  stages: object;
}

/** A pokemon as it is shown. */
export interface Shown extends ReplyData {
  pokemonId: string;
  level: number;
  experience: number;
  moves: string[];
  stats: { attack: number };
  ivs: Record<string, number>;
}

/** The fields of the game's replies; each test knows which of them a reply has. */
export interface GameData extends ReplyData {
  battleId: string;
  winner: string;
  digest: string;
  choices: string[];
  events: TurnEvent[];
  sides: [Side, Side];
  moves: string[][];
  experience: { status: string };
  pokemon: Shown;
  party: string[];
  results: unknown[] & { evolve?: unknown };
  trail: { outcome: string }[];
  balance: number;
  endpoints: string[];
  turn: number;
  amount: number;
}

/** A reply of the game. */
export interface GameReply extends Reply {
  data: GameData;
}

/** The code of a reply's error, or "ok". */
export function code(data: ReplyData): string {
  return data.error?.code ?? "ok";
}

/** The four processes, wired. Security is wired too, but exists only on request. */
export function game(more: "security"[] = [], options: WorldOptions = {}): Promise<World> {
  const peers = { ...PEERS, security: Object.keys(PEERS) };
  return fleet(["coordinator", "battle", "pokemon", "shop", ...more], { peers, ...options });
}

/** Sends to a process of the world and returns its reply; a missing reply fails the test. */
export async function ask(
  world: World,
  process: string,
  from: string,
  action: string,
  data: unknown = {},
  tags: Record<string, string> = {},
): Promise<GameReply> {
  const { reply } = await world.send(process, { From: from, Action: action, Data: data, Tags: tags });
  if (!reply) throw new Error(`${process} did not answer ${action}`);
  return reply as GameReply;
}

/** Like `ask`, through the coordinator. */
export function route(world: World, from: string, service: string, action: string, data: unknown = {}) {
  return ask(world, "coordinator", from, "ROUTE", { service, action, data });
}

/** A secret for a turn of a sealed battle. */
export const secretOf = (player: string, turn: number, more = ""): string =>
  sha256(`${player}/${turn}/${more}`).slice(0, 32);

/** The hash by which a player commits to a choice. */
export const sealOf = (battleId: string, turn: number, player: string, choice: string, secret: string) =>
  sha256([battleId, turn, player, choice, secret].join("/"));

/** Both players commit to the first possible move and show it, through the coordinator, until the battle is over. */
export async function fight(world: World, battleId: string, players: readonly string[]): Promise<GameData> {
  const sent = async (player: string, action: string, more: object) => {
    const { data } = await route(world, player, "battle", action, { battleId, ...more });
    if (code(data) !== "ok") throw new Error(`${action}: ${code(data)}`);
  };
  for (let turn = 1; turn < 100; turn++) {
    const chosen: string[] = [];
    for (const player of players) {
      const seen = (await ask(world, "battle", player, "GET_BATTLE", { battleId })).data;
      if (seen.status === "FINISHED") return seen;
      const choice = seen.choices.find((each) => !each.startsWith(">")) ?? "";
      chosen.push(choice);
      const commit = sealOf(battleId, turn, player, choice, secretOf(player, turn));
      await sent(player, "SUBMIT_MOVE", { commit, turn });
    }
    for (const [place, player] of players.entries())
      await sent(player, "REVEAL_MOVE", { move: chosen[place], secret: secretOf(player, turn) });
  }
  throw new Error("the battle did not end");
}

/** A team member with given values; the defaults are a plain level 50 fighter. */
export function member(species: string, more: Record<string, unknown> = {}) {
  return {
    species,
    level: 50,
    types: ["normal"],
    moves: ["tackle"],
    stats: { hp: 120, attack: 80, defense: 80, specialAttack: 80, specialDefense: 80, speed: 80 },
    ...more,
  };
}
