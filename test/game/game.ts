/** What the tests of the game share: players, their requests, and a small world of the game's processes. */
import { address, type Reply } from "../processes/aos.ts";
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

/** The four processes, wired; security is wired too but nobody is there. */
export function game(): Promise<World> {
  return fleet(["coordinator", "battle", "pokemon", "shop"], { peers: PEERS });
}

/** Sends to a process of the world and gives its reply; none is an error of the test. */
export async function ask(
  world: World,
  process: string,
  from: string,
  action: string,
  data: unknown = {},
  tags: Record<string, string> = {},
): Promise<Reply> {
  const { reply } = await world.send(process, { From: from, Action: action, Data: data, Tags: tags });
  if (!reply) throw new Error(`${process} did not answer ${action}`);
  return reply;
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
