import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { isRuinedError, mayReplace } from "../../src/fleet/members/ruined.ts";
import { reportProgress } from "../../src/fleet/protocol/deployments.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { deregister } from "../../src/fleet/protocol/registry.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/**
 * Whether a process is ruined and this run may replace it. It is asked by a new message, because earlier messages still have their results.
 * Any reply, even a refusal, shows that the process works.
 *
 * @throws FleetError if it is unknown; transient
 */
export async function isToBeReplaced(session: Session, place: ProcessRef, budget: Budget): Promise<boolean> {
  if (!mayReplace(session.request, place.name)) return false;
  try {
    await info(session, place, budget);
  } catch (error) {
    if (isRuinedError(error)) return true;
    if (error instanceof FleetError && error.transient) throw error;
  }
  return false;
}

/**
 * Records in the ledger that a process is ruined, and removes it from the registry. Idempotent. Does nothing for the ledger itself: a ruined
 * ledger cannot record it.
 */
export async function recordRuin(session: Session, place: ProcessRef, budget: Budget): Promise<void> {
  const { name, processId } = place;
  if (name === session.scope.ledger) return;
  const found = await session.deployment.ledgerEpoch();
  if (!found) return;
  const { ledger, epoch } = found;
  const to = { name: session.scope.ledger ?? "", ...ledger, epoch };
  const processes = { [name]: { status: "RUINED" as const, processId, reason: "PROCESS_RUINED" } };
  await reportProgress(session, to, session.deployment.id, { processes }, budget);
  await deregister(session, to, processId, budget);
}
