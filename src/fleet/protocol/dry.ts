import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Ao } from "../../ao/port.ts";
import { brief } from "../../core/brief.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { FLEET_REQUEST } from "../../core/fleet-actions.ts";
import type { Member } from "../members/member.ts";
import { noReply, readReply, replyIn, taggedFor } from "./reply.ts";

/** A read by a dry run. */
export interface DryRead {
  readonly member: Pick<Member, "name" | "processId">;
  readonly action: string;
  /** @default {} */
  readonly data?: unknown;
  /** Time limit in seconds for the reply. */
  readonly seconds: number;
}

/** What a dry run needs of a session. */
export interface DryReader {
  readonly session: { readonly ao: Pick<Ao, "address" | "dryrun"> };
}

/**
 * Reads by a dry run, which signs nothing and changes nothing: for display, not for verdicts. On shared units, such replies are
 * cached and unauthenticated.
 *
 * @throws FleetError NO_REPLY, PROCESS_ERROR, BAD_REPLY, the process's own code, and network errors
 */
export async function dryAsk<T>(
  fleet: DryReader,
  { member, action, data = {}, seconds }: DryRead,
  schema: z.ZodType<T>,
): Promise<T> {
  const { ao } = fleet.session;
  const { name, processId } = member;
  // The program may have its own handler for the action: the tag selects the library. Units answer equal dry runs from a cache, so each
  // has its own id.
  const own = { "Content-Type": "application/json", ...FLEET_REQUEST };
  const tags = taggedFor(action, own, randomUUID());
  const evaluation = await ao.dryrun({ processId, tags, data: JSON.stringify(data) }, budgetOf(seconds));
  const reply = replyIn(evaluation, { address: ao.address, messageId: "", tags });
  if (!reply) throw noReply(name, action, evaluation);
  if (reply.error !== undefined) {
    throw new FleetError({
      code: "PROCESS_ERROR",
      what: `${name} failed to handle ${action}: ${brief(reply.error, 120)}`,
      remedy: `Run npx fleet logs ${name}.`,
    });
  }
  return readReply({ name, processId, action }, schema, reply.data, false);
}
