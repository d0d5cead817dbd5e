/** The audit log of a process: who did what, and who was refused. Only its owner and allowed addresses may read it. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList } from "./lua.ts";

const EntrySchema = z.looseObject({
  seq: z.number().catch(0),
  /** Scheduler's time, ms. */
  at: z.number(),
  /** Address or process id. */
  from: z.string(),
  action: z.string(),
  /** `ok`, `refused` or `error`. */
  outcome: z.string().catch(""),
  /** Stable code of the refusal or error. */
  code: z.string().optional().catch(undefined),
  /** Number of repetitions in a row. */
  count: z.number().default(1),
});

/** The reply to `AUDIT`. Entries are oldest first. */
const AuditSchema = z.looseObject({ entries: luaList(EntrySchema) });

/** One entry of a process's own audit. */
export type AuditEntry = z.output<typeof EntrySchema>;

/** By a signed message. @throws FleetError as `ask`; FORBIDDEN without permission to read it */
export async function audit(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
): Promise<readonly AuditEntry[]> {
  return (await ask(session, { name, generation, processId, action: "AUDIT" }, AuditSchema, budget)).entries;
}

/** By a dry run. @throws FleetError as `dryAsk`; FORBIDDEN without permission to read it */
export async function dryAudit(
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
): Promise<readonly AuditEntry[]> {
  return (await dryAsk(fleet, { member, action: "AUDIT", seconds }, AuditSchema)).entries;
}
