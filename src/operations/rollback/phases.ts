import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type RollbackPhase, type RollbackRequest, reportRollback } from "../../fleet/protocol/rollback.ts";

/** The phases of one rollback: sent to the ledger, if there is one, and kept for the report. */
interface Phases {
  /** The ledger's id of the rollback; undefined without a ledger. */
  readonly requestId: string | undefined;
  readonly history: readonly { readonly phase: RollbackPhase; readonly at: string }[];
  /** Sends the phase at once, or at the end with `later`. A refusal by the ledger is noted and does not stop the rollback. */
  to(phase: RollbackPhase): Promise<void>;
  /** Sends the phases that were not sent yet. */
  end(): Promise<void>;
}

/**
 * Opens a rollback in the ledger. A ledger that refuses it, such as a new one that does not know the deployment, does not stop the rollback.
 *
 * @param later sends all phases at the end: in an emergency nothing waits for the ledger
 */
export async function openPhases(
  fleet: FleetSession,
  ledger: Member | undefined,
  request: RollbackRequest,
  note: (line: string) => void,
  later = false,
): Promise<Phases> {
  const history: { phase: RollbackPhase; at: string }[] = [];
  const send = (member: Member, told: Parameters<typeof reportRollback>[2]) =>
    reportRollback(fleet.session, member, told, budgetOf(60));
  const refused = (error: unknown): undefined => {
    if (!(error instanceof FleetError)) throw error;
    note(`the ledger did not record this phase: ${error.problems[0].what}`);
    return undefined;
  };
  let requestId: string | undefined;
  let sent = 0;
  const catchUp = async () => {
    if (!ledger) return;
    for (const { phase } of history.slice(sent)) {
      sent += 1;
      if (phase === "PENDING") requestId = await send(ledger, request).catch(refused);
      else if (requestId !== undefined)
        await send(ledger, { rollbackId: requestId, status: phase }).catch(refused);
    }
  };
  const to = async (phase: RollbackPhase) => {
    history.push({ phase, at: new Date().toISOString() });
    if (!later) await catchUp();
  };
  await to("PENDING");
  return {
    get requestId() {
      return requestId;
    },
    history,
    to,
    end: catchUp,
  };
}
