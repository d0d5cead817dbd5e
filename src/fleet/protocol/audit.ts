/** The audit log of a process: who did what, and who was refused. Only its owner and allowed addresses may read it. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { TimeSchema } from "../../delivery/time.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList } from "./lua.ts";

const EntrySchema = z.looseObject({
  seq: z.number().catch(0),
  /** Scheduler's time, ms. */
  at: TimeSchema,
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

/** All refusals since the first load, however few entries are kept. Absent with earlier libraries. */
const RefusalsSchema = z.looseObject({
  /** Code → number of refusals. */
  byReason: z.record(z.string(), z.number()).catch({}),
  /** The senders outside the fleet with most refusals, most first. `count` is at most `over` too high. */
  bySender: luaList(
    z.looseObject({
      from: z.string(),
      count: z.number(),
      over: z.number().catch(0),
      code: z.string().catch(""),
    }),
  ).catch([]),
  /** Refusals of senders outside the fleet for which there was an entry. */
  strangers: z.number().catch(0),
});

/** The reply to `AUDIT`. Entries are oldest first. */
const AuditSchema = z.looseObject({
  entries: luaList(EntrySchema),
  refusals: RefusalsSchema.optional().catch(undefined),
});

/** A process' own audit. */
type Audit = z.output<typeof AuditSchema>;

/** One entry of a process's own audit. */
type AuditEntry = z.output<typeof EntrySchema>;

/** By a signed message. @throws FleetError as `ask`; FORBIDDEN without permission to read it */
export async function audit(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
): Promise<Audit> {
  return ask(session, { name, generation, processId, action: "AUDIT" }, AuditSchema, budget);
}

/** By a dry run. @throws FleetError as `dryAsk`; FORBIDDEN without permission to read it */
export async function dryAudit(
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
): Promise<readonly AuditEntry[]> {
  return (await dryAsk(fleet, { member, action: "AUDIT", seconds }, AuditSchema)).entries;
}
