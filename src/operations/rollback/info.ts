import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info, type Info as Said } from "../../fleet/protocol/info.ts";

const NEEDED = ["version", "sourceHash", "epoch", "stateVersion", "migrations"] as const;
/** What a process says of its code and of the shape of its states. */
export type Info = Pick<Said<(typeof NEEDED)[number]>, "status" | (typeof NEEDED)[number]>;

/** Asks a process; undefined when something else than the fleet's code runs in it. */
export async function infoOf(
  fleet: FleetSession,
  member: Pick<Member, "name" | "processId" | "generation">,
): Promise<Info | undefined> {
  try {
    return await info(fleet.session, member, budgetOf(60), ...NEEDED);
  } catch (error) {
    // Something else than the fleet's code runs in it: loading code is what mends that.
    if (error instanceof FleetError && (error.code === "NO_REPLY" || error.code === "PROCESS_ERROR"))
      return undefined;
    throw error;
  }
}

/** For what may fail without harm. */
export function nothingOf(error: unknown): undefined {
  if (error instanceof FleetError) return undefined;
  throw error;
}
