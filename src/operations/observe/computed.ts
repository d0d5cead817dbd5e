import type { Budget } from "../../core/budget.ts";
import type { Session } from "../../fleet/session/session.ts";

/**
 * Asks for the result of a process' newest slot. What a node serves without a slot, published state and dry runs, is from the last slot that
 * it computed, so it looks the same when it computes no more. On other networks a dry run evaluates everything before it.
 *
 * @throws FleetError PROCESS_STUCK, PROCESS_RUINED; transient errors of the node
 */
export async function assertComputed(
  { ao, network }: Pick<Session, "ao" | "network">,
  processId: string,
  budget: Budget,
): Promise<void> {
  if (network.protocol !== "mainnet") return;
  const newest = await ao.latest(processId, budget);
  if (newest === undefined) return;
  const [entry] = await ao.range({ processId, from: newest, to: newest }, budget);
  if (entry === undefined) return;
  const { messageId, slot } = entry;
  await ao.evaluation({ processId, messageId, slot }, budget);
}
