import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { Place } from "../../src/fleet/health/verdict.ts";
import { mayReplace, saysRuined } from "../../src/fleet/members/ruined.ts";
import { tellProgress } from "../../src/fleet/protocol/deployments.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { deregister } from "../../src/fleet/protocol/registry.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/**
 * Whether a process is ruined and this run may make a new one in its place. It is asked anew by a message: what was evaluated
 * before still has its result. Any answer of the process, a refusal too, shows that it works.
 *
 * @throws FleetError when nobody can say; transient
 */
export async function isToBeReplaced(session: Session, place: Place, budget: Budget): Promise<boolean> {
  if (!mayReplace(session.request, place.name)) return false;
  try {
    await info(session, place, budget);
  } catch (error) {
    if (saysRuined(error)) return true;
    if (error instanceof FleetError && error.transient) throw error;
  }
  return false;
}

/**
 * Writes into the ledger that a process is ruined, and takes it from the registry. Done twice, the second time only says it again.
 * A ledger that is ruined itself cannot be told.
 */
export async function recordRuin(session: Session, place: Place, budget: Budget): Promise<void> {
  const { name, processId } = place;
  if (name === session.scope.ledger) return;
  const found = await session.deployment.ledgerEpoch();
  if (!found) return;
  const { ledger, epoch } = found;
  const to = { name: session.scope.ledger ?? "", ...ledger, epoch };
  const processes = { [name]: { status: "RUINED" as const, processId, reason: "PROCESS_RUINED" } };
  await tellProgress(session, to, session.deployment.id, { processes }, budget);
  await deregister(session, to, processId, budget);
}
