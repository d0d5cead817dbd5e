import { join } from "node:path";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { OperationContext } from "../context.ts";
import { readHistory, type StackHistory } from "./read-history.ts";

/**
 * Reads the history of a fleet's stack.
 *
 * @param askLedger time limit for the ledger in seconds; 0 skips the ledger
 * @param needsState false for a history that may lack the stack's own part. @default true
 * @throws FleetError STATE_UNREADABLE
 */
export async function historyFor(
  context: OperationContext,
  fleet: FleetSession,
  askLedger: number,
  needsState = true,
): Promise<StackHistory> {
  const { project, stack } = fleet;
  const where = { home: join(context.projectDir, ".fleet"), project, stack };
  const ask = { host: context.host, workspace: await context.workspace(), project, stack };
  return readHistory(fleet, where, ask, { askLedger, needsState });
}
