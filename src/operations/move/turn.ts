/** The status of one process of a move: read, and changed. */
import { budgetOf } from "../../core/budget.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import { info } from "../../fleet/protocol/info.ts";
import { drain, resume, retire } from "../../fleet/protocol/state.ts";
import { statusDiffers } from "./failures.ts";
import type { MoveOptions } from "./plan.ts";

/** Messages after which a process has to have a status: the reply to the first may be an old one. */
const TURNS = 2;

type Turned = "ACTIVE" | "DRAINING" | "RETIRED";
const TURN = { ACTIVE: resume, DRAINING: drain, RETIRED: retire } as const;

/** Tags that belong to one move: an open message of an earlier move is not taken for one of this. */
export const tagsOf = (id: string) => ({ "Deployment-Id": id });

/**
 * Brings a process into a status, unless it is there. Uses its own epoch, so a deployment that runs at the same time takes precedence.
 *
 * The status is read back, because the reply may be an old one: a message that a killed run sent is not sent again. Reading the reply closes
 * that message, so the next one is new.
 *
 * @param move its id, and the time limit of each answer
 * @param sends called before a message that changes the status
 * @throws FleetError STATUS_DIFFERS, and as `ask`
 */
export async function turn(
  { session }: Pick<FleetSession, "session">,
  place: ProcessRef,
  to: Turned,
  { id, seconds }: Pick<MoveOptions, "id" | "seconds">,
  sends: () => void = () => {},
): Promise<void> {
  const look = () => info(session, place, budgetOf(seconds), "status", "epoch");
  let found = await look();
  for (let sent = 0; found.status !== to; sent += 1) {
    if (sent === TURNS) throw statusDiffers(place.name, to, found.status);
    sends();
    await TURN[to](session, place, found.epoch, budgetOf(seconds), tagsOf(id));
    found = await look();
  }
}

/** A process' status by a signed message. */
export const statusOf = async (
  { session }: FleetSession,
  place: ProcessRef,
  seconds: number,
): Promise<string> => (await info(session, place, budgetOf(seconds), "status")).status;
