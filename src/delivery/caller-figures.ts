/** One caller's part of a revision's figures, as in `src/runtime/fleet/router-callers.lua`. */
import { z } from "zod";
import { luaList } from "./lua.ts";

/** A request that failed: why, and the slot of the router's message in which it was sent. */
const FailedSchema = z.looseObject({
  /** Absent on networks without slots; then the request cannot be found again. */
  slot: z.number().optional(),
  code: z.string(),
});

export const CallerMetricsSchema = z.looseObject({
  /** Address of the wallet or the process. */
  id: z.string(),
  /** Whether it was answered by this fleet before the rollout began. */
  known: z.boolean(),
  /** When it was first answered by this fleet, in ms of the scheduler's time. Only of known callers; absent on routers of earlier versions. */
  since: z.number().optional(),
  /** Requests sent to the revision, answered or not. */
  requests: z.number(),
  /** Answered successfully. */
  answered: z.number(),
  /** Faults. */
  errors: z.number(),
  /** Refused because of the sender. */
  refused: z.number(),
  /** Told to ask again: the state was being moved. */
  draining: z.number(),
  /** Faults in this step of requests from an earlier one. */
  earlier: z.number(),
  /** Faults that say how much the revision has to do: `BUSY`, `MEMORY_LIMIT`. */
  busy: z.number(),
  /** Refusals because the caller sent too much: `RATE_LIMITED`. */
  limited: z.number(),
  /** The latest 8 latencies, in ms of the scheduler's time, in no order. */
  ms: luaList(z.number()),
  /** Ages of its open requests in ms, oldest first. */
  open: luaList(z.number()),
  /** Slot in which its latest completed request was sent. */
  slot: z.number().optional(),
  /** Its latest fault, except `BUSY` and `MEMORY_LIMIT`. */
  fault: FailedSchema.optional(),
  /** Its latest refusal, except `RATE_LIMITED`. */
  refusal: FailedSchema.optional(),
});
export type CallerMetrics = z.infer<typeof CallerMetricsSchema>;
