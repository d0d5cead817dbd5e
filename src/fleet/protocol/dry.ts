import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { brief } from "../../core/brief.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { FLEET_REQUEST } from "../../core/fleet-actions.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";
import { noReply, readReply, replyIn, taggedFor } from "./reply.ts";

/** Who is asked by a dry run, and for how long. */
export interface DryRead {
  readonly member: Member;
  readonly action: string;
  /** @default {} */
  readonly data?: unknown;
  /** Seconds until a reply must be there. */
  readonly seconds: number;
}

/**
 * Reads by a dry run, which signs nothing and changes nothing: for looking, not for judging. Such a reply is cached and unauthenticated on
 * shared units.
 *
 * @throws FleetError NO_REPLY, PROCESS_ERROR, BAD_REPLY, the process's own code, and what the network says
 */
export async function dryAsk<T>(
  fleet: Pick<FleetSession, "session">,
  { member, action, data = {}, seconds }: DryRead,
  schema: z.ZodType<T>,
): Promise<T> {
  const { ao } = fleet.session;
  const { name, processId } = member;
  // The program may have a handler of its own for the action: what is asked here is the library. Units answer equal dry runs from a cache,
  // so each has an id of its own.
  const own = { "Content-Type": "application/json", ...FLEET_REQUEST };
  const tags = taggedFor(action, own, randomUUID());
  const evaluation = await ao.dryrun({ processId, tags, data: JSON.stringify(data) }, budgetOf(seconds));
  const reply = replyIn(evaluation, { address: ao.address, messageId: "", tags });
  if (!reply) throw noReply(name, action, evaluation);
  if (reply.error !== undefined) {
    throw new FleetError({
      code: "PROCESS_ERROR",
      what: `${name} failed while it handled ${action}: ${brief(reply.error, 120)}`,
      remedy: `npx fleet logs ${name}`,
    });
  }
  return readReply({ name, processId, action }, schema, reply.data, false);
}
