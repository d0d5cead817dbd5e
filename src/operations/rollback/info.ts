import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info as InfoReply, info } from "../../fleet/protocol/info.ts";

const NEEDED = ["version", "sourceHash", "epoch", "stateVersion", "migrations"] as const;
/** What a process reports about its code and the shape of its state. */
export type Info = Pick<InfoReply<(typeof NEEDED)[number]>, "status" | (typeof NEEDED)[number]>;

/** Asks a process for its `Info`; undefined if it does not run the fleet's code. */
export async function infoOf(
  fleet: FleetSession,
  member: Pick<Member, "name" | "processId" | "generation">,
): Promise<Info | undefined> {
  try {
    return await info(fleet.session, member, budgetOf(60), ...NEEDED);
  } catch (error) {
    // The process runs other code. The rollback loads the fleet's code, which fixes that.
    if (error instanceof FleetError && (error.code === "NO_REPLY" || error.code === "PROCESS_ERROR"))
      return undefined;
    throw error;
  }
}

/** A catch handler that turns a FleetError into `undefined` and throws everything else. */
export function ignoreFleetError(error: unknown): undefined {
  if (error instanceof FleetError) return undefined;
  throw error;
}
