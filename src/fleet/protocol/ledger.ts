/** The entries of the ledger: about runs, rollbacks and single processes. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { TimeSchema } from "../../delivery/time.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList } from "./lua.ts";

const optionalText = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const EntrySchema = z.looseObject({
  seq: z.number(),
  /** Scheduler's time, ms. */
  at: TimeSchema,
  /** Address or process id. */
  from: z.string(),
  kind: z.string(),
  deploymentId: optionalText,
  epoch: z.number().nullish(),
  status: optionalText,
  strategy: optionalText,
  /** Name that the run gave itself. Coordinators of earlier versions wrote none. */
  operator: z.string().nullish(),
  /** For display only. */
  reason: optionalText,
  /** Code: why a run did not end by itself. Coordinators of version 0.1.0 wrote none. */
  cause: optionalText,
  releaseHash: optionalText,
  processId: z.string().nullish(),
});

export type LedgerEntry = z.infer<typeof EntrySchema>;

const PageSchema = z.looseObject({
  entries: luaList(EntrySchema),
  /** The `since` of the next page. */
  next: z.number(),
  length: z.number(),
});

/** A page of entries, oldest first. */
type LedgerPage = z.output<typeof PageSchema>;

const ACTION = "LEDGER";

/** The data of a request: entries after the one with this `seq`. */
const pageAfter = (since: number) => ({ since, limit: 200 });

/** All entries, by signed messages. @throws FleetError as `ask` */
export async function ledgerEntries(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (let since = 0; ; ) {
    const request = { name, generation, processId, action: ACTION, data: pageAfter(since) };
    const page = await ask(session, request, PageSchema, budget);
    entries.push(...page.entries);
    if (page.next >= page.length || page.next <= since) return entries;
    since = page.next;
  }
}

/** One page, by a dry run. @throws FleetError as `dryAsk` */
export const dryLedgerPage = (
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
  since: number,
): Promise<LedgerPage> =>
  dryAsk(fleet, { member, action: ACTION, data: pageAfter(since), seconds }, PageSchema);
