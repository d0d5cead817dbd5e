/** State that cannot be handed over, because the process that has it is ruined. */
import type { Budget } from "../../src/core/budget.ts";
import { isRuinedError, mayReplace } from "../../src/fleet/members/ruined.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { recordRuin } from "../process/ruined.ts";
import { lostText, servingRuined } from "./hand-over-messages.ts";
import type { StateOwner } from "./state-moves.ts";

/**
 * For `catch`: reports a ruined process without whose state the run may continue, and records it in the ledger, once. Rethrows any other
 * error.
 *
 * @throws FleetError SERVING_RUINED if the run has no consent to lose its state
 */
export function acceptLostState(
  session: Session,
  budget: () => Budget,
  report: (name: string, detail: string, phase: "state-lost") => Promise<void>,
): (owner: StateOwner, error: unknown) => Promise<void> {
  const known = new Set<string>();
  return async ({ name, to: processId }, error) => {
    if (!isRuinedError(error)) throw error;
    if (!mayReplace(session.request, name)) throw servingRuined(name, processId, error);
    if (known.has(processId)) return;
    await recordRuin(session, { name, processId, generation: 1 }, budget());
    await report(name, lostText(name, processId), "state-lost");
    known.add(processId);
  };
}
