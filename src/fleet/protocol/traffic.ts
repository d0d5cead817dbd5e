/** Reads and replaces the router's table, and sends it a person's command. The shapes of its messages are in `delivery/wire.ts`. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import {
  type ProveTargets,
  type SetTraffic,
  type TrafficCommanded,
  TrafficCommandedSchema,
  TrafficCommandSchema,
  TrafficSetSchema,
  type TrafficState,
  TrafficStateSchema,
} from "../../delivery/wire.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { type DryReader, dryAsk } from "./dry.ts";

/**
 * By a signed message.
 *
 * @param callers services whose single callers are wanted as well, in figures of a rollout. @default none
 * @throws FleetError as `ask`; UNKNOWN_ACTION if the process contains no router
 */
export const traffic = (
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
  callers: readonly string[] = [],
): Promise<TrafficState> => {
  const data = callers.length === 0 ? {} : { data: { callers } };
  return ask(
    session,
    { name, generation, processId, action: "GET_TRAFFIC", ...data },
    TrafficStateSchema,
    budget,
  );
};

/** By a dry run. @throws FleetError as `dryAsk`; UNKNOWN_ACTION if the process contains no router */
export const dryTraffic = (
  fleet: DryReader,
  router: Pick<Member, "name" | "processId">,
  seconds: number,
): Promise<TrafficState> =>
  dryAsk(fleet, { member: router, action: "GET_TRAFFIC", seconds }, TrafficStateSchema);

/** A router, and the epoch of the run that changes it. */
interface ControlledRouter extends ProcessRef {
  readonly epoch: number;
}

/** Replaces the table, or renews its lease. @throws FleetError as `ask`; UNPROVEN_TARGET, STALE_STEP */
export const setTraffic = (
  session: Sender,
  { name, generation, processId, epoch }: ControlledRouter,
  message: SetTraffic,
  budget: Budget,
): Promise<z.infer<typeof TrafficSetSchema>> => {
  const request = { name, generation, processId, action: "SET_TRAFFIC", epoch, data: message };
  return ask(session, request, TrafficSetSchema, budget);
};

/**
 * Makes the router ask processes for their health, except those that have already proved it for this release. The outcome is in `proofs` of
 * its table.
 *
 * @throws FleetError as `ask`
 */
export const proveTargets = async (
  session: Sender,
  { name, generation, processId, epoch }: ControlledRouter,
  wanted: ProveTargets,
  budget: Budget,
): Promise<void> => {
  const request = { name, generation, processId, action: "PROVE_TARGETS", epoch, data: wanted };
  await ask(session, request, z.looseObject({}), budget);
};

/**
 * Sends a person's command. The router carries out `pause` and `abort` itself, and keeps `promote` and `resume` for the run.
 *
 * @throws FleetError as `ask`; NO_ROLLOUT, STALE_STEP, NO_PROVEN_TABLE, ABORT_PENDING
 */
export const commandTraffic = (
  session: Sender,
  { name, generation, processId }: ProcessRef,
  command: z.input<typeof TrafficCommandSchema>,
  budget: Budget,
): Promise<TrafficCommanded> => {
  const data = TrafficCommandSchema.parse(command);
  const request = { name, generation, processId, action: "TRAFFIC_COMMAND", data };
  return ask(session, request, TrafficCommandedSchema, budget);
};
