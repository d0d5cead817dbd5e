import { budgetOf } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info as InfoReply, info } from "../../fleet/protocol/info.ts";

const NEEDED = ["version", "sourceHash", "epoch", "stateVersion", "migrations"] as const;
/** What a process reports about its code and the shape of its state. */
export type Info = Pick<InfoReply<(typeof NEEDED)[number]>, "status" | (typeof NEEDED)[number]>;

/** Asks a process for its `Info`; undefined if it does not run the fleet's code. */
export const infoOf = (
  fleet: FleetSession,
  member: Pick<Member, "name" | "processId" | "generation">,
): Promise<Info | undefined> =>
  // If the process runs other code, the rollback loads the fleet's code, which fixes that.
  info(fleet.session, member, budgetOf(60), ...NEEDED).catch(
    tolerate(undefined, "NO_REPLY", "PROCESS_ERROR"),
  );
