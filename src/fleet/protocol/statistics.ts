import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { TimeSchema } from "../../delivery/time.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { ask, type Sender } from "./ask.ts";
import { luaMap } from "./lua.ts";

const count = z.number().default(0);

const StatisticsSchema = z.looseObject({
  messages: count,
  errors: count,
  refused: count,
  staleEpochs: count,
  luaHeapKB: count,
  /** Open calls to other processes. */
  openCalls: count,
  /** Requests that wait for an answer; absent with earlier libraries. */
  openRequests: z.number().optional(),
  /** Bytes of Data that they keep. */
  heldBytes: count,
  /** Milliseconds since 1970, scheduler's time; 0 for never. */
  startedAt: TimeSchema.default(0),
  lastMessageAt: TimeSchema.default(0),
  byAction: luaMap(z.number()).catch({}),
});

/** The figures of a process. The deployment coordinator adds those of the deployments. */
export type Statistics = z.output<typeof StatisticsSchema>;

const LENIENT = z.looseObject({ statistics: StatisticsSchema });
const COUNTED = z.looseObject({ statistics: StatisticsSchema.extend({ messages: z.number() }) });

/**
 * Reads a process' own figures. A figure that its library does not count is 0.
 *
 * @param mustCount whether a reply without a count of messages is invalid. @default false
 * @throws FleetError as `ask`
 */
export async function statistics(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
  { mustCount = false }: { readonly mustCount?: boolean } = {},
): Promise<Statistics> {
  const request = { name, generation, processId, action: "GET_STATISTICS" };
  return (await ask(session, request, mustCount ? COUNTED : LENIENT, budget)).statistics;
}
