import { join } from "node:path";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { OperationContext } from "../context.ts";
import { type KnownHistory, readHistory } from "./known.ts";

/** The history of the stack that a command is about. */

export async function historyFor(
  context: OperationContext,
  fleet: FleetSession,
  askLedger: number,
): Promise<KnownHistory> {
  const { project, stack } = fleet;
  const where = { home: join(context.projectDir, ".fleet"), project, stack };
  const ask = { host: context.host, workspace: await context.workspace(), project, stack };
  return readHistory(fleet, where, ask, askLedger);
}
