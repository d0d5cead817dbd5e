import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { luaList } from "../../fleet/protocol/lua-list.ts";

const InfoSchema = z.looseObject({
  status: z.string().default(""),
  version: z.string(),
  sourceHash: z.string().default(""),
  epoch: z.number().int(),
  stateVersion: z.string().default(""),
  migrations: luaList(z.looseObject({ from: z.string(), to: z.string(), down: z.boolean() })),
});
/** What a process says of its code and of the shape of its states. */
export type Info = z.infer<typeof InfoSchema>;

/** Asks a process; undefined when something else than the fleet's code runs in it. */
export async function infoOf(
  fleet: FleetSession,
  member: Pick<Member, "name" | "processId" | "generation">,
): Promise<Info | undefined> {
  try {
    return await ask(fleet.session, { ...member, action: "Info" }, InfoSchema, budgetOf(60));
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
