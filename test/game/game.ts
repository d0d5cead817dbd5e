/** What the tests of the game share: players, their requests, and a small world of the game's processes. */
import { address, type Reply, type ReplyData } from "../processes/aos.ts";
import { fleet, type World } from "../processes/world.ts";

export const ASH = address("ash");
export const GARY = address("gary");
export const STRANGER = address("stranger");

/** Peers as the fleet declares them, for the four processes of the game. */
export const PEERS = {
  coordinator: ["battle", "pokemon", "shop", "security"],
  battle: ["coordinator", "security", "pokemon"],
  pokemon: ["coordinator", "security", "battle", "shop"],
  shop: ["coordinator", "security", "pokemon"],
};

/** What happened in a turn. */
export interface TurnEvent {
  side: number;
  damage: number;
  recoil: number;
}

/** A side of a battle; every team has at least one. */
export interface Side {
  hasMoved: boolean;
  team: [Fighter, ...Fighter[]];
}

/** A member of a team, with what is shown of one's own. */
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

/** What the replies of the game have; which of it a reply has is for the test to know. */
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
}

/** A reply of the game. */
export interface GameReply extends Reply {
  data: GameData;
}

/** The code of a reply's error, or "ok". */
export function code(data: ReplyData): string {
  return data.error?.code ?? "ok";
}

/** The four processes, wired. Security is wired too; unless it is asked for, nobody is there. */
export function game(more: "security"[] = []): Promise<World> {
  const peers = { ...PEERS, security: Object.keys(PEERS) };
  return fleet(["coordinator", "battle", "pokemon", "shop", ...more], { peers });
}

/** Sends to a process of the world and gives its reply; none is an error of the test. */
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

/** As `ask`, carried by the coordinator. */
export function route(world: World, from: string, service: string, action: string, data: unknown = {}) {
  return ask(world, "coordinator", from, "ROUTE", { service, action, data });
}

/** A member of a team given by hand; the defaults are a plain level 50 fighter. */
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
