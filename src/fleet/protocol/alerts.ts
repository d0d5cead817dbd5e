/** The alerts that a process keeps (`ALERT_MANAGEMENT`, `RAISE_ALERT`): the ledger has them, and an admin process. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { TimeSchema } from "../../delivery/time.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList } from "./lua.ts";

const MANAGEMENT = "ALERT_MANAGEMENT";

const AlertSchema = z.looseObject({
  /** Unique in its process. */
  alertId: z.string(),
  type: z.string(),
  /** What it is about: a process, a deployment, `fleet`. */
  source: z.string(),
  message: z.string().default(""),
  level: z.string(),
  /** OPEN, ACKNOWLEDGED or RESOLVED. */
  state: z.string(),
  /** Number of times that it was raised. */
  count: z.number().min(0),
  /** Scheduler's time, ms. */
  raisedAt: TimeSchema,
});
const AlertsSchema = z.looseObject({ alerts: luaList(AlertSchema) });

/** An alert as the process keeps it. */
export type KeptAlert = z.output<typeof AlertSchema>;

/** All alerts, oldest first, by a dry run. @throws FleetError as `dryAsk`; UNKNOWN_ACTION if the process keeps none */
export async function dryAlerts(
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
): Promise<readonly KeptAlert[]> {
  const request = { member, action: MANAGEMENT, data: { operation: "list" }, seconds };
  return (await dryAsk(fleet, request, AlertsSchema)).alerts;
}

/** A change of one alert, or of every alert of a type and source that is not resolved. */
type AlertChange = { readonly operation: "acknowledge" | "resolve" } & (
  | { readonly alertId: string }
  | { readonly type: string; readonly source: string }
);

/** Changes alerts. @throws FleetError as `ask`; UNKNOWN_ALERT, FORBIDDEN */
export const changeAlerts = (
  session: Sender,
  process: ProcessRef,
  change: AlertChange,
  budget: Budget,
): Promise<void> => send(session, process, MANAGEMENT, change, budget);

/** An alert to be raised. */
interface NewAlert {
  readonly type: string;
  readonly source: string;
  readonly message: string;
  readonly level: string;
}

/** Raises an alert, or counts the earlier one again. @throws FleetError as `ask` */
export const raiseAlert = (
  session: Sender,
  process: ProcessRef,
  { type, source, message, level }: NewAlert,
  budget: Budget,
): Promise<void> => send(session, process, "RAISE_ALERT", { type, source, message, level }, budget);

async function send(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  action: string,
  data: object,
  budget: Budget,
): Promise<void> {
  const tags = { "Correlation-Id": randomUUID() };
  await ask(session, { name, generation, processId, action, data, tags }, z.looseObject({}), budget);
}
