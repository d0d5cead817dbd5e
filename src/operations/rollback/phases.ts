import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { tellRollback } from "../../fleet/protocol/deployments.ts";

/** The phases of a rollback, as the vocabulary has them. */
export type RollbackPhase =
  | "PENDING"
  | "PREPARING"
  | "ROLLING_BACK"
  | "VALIDATING"
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "PARTIAL";

export type RollbackType = "DEPLOYMENT" | "CONFIGURATION" | "VERSION" | "STATE" | "EMERGENCY";

/** The phases of one rollback: told to the ledger where there is one, and kept for the report. */
interface Phases {
  /** The ledger's id of it; undefined without a ledger. */
  readonly requestId: string | undefined;
  readonly history: readonly { readonly phase: RollbackPhase; readonly at: string }[];
  /** Told once it is so, or with `later` at the end. What the ledger does not take is noted: it stops no rollback. */
  to(phase: RollbackPhase): Promise<void>;
  /** Tells what was not told yet. */
  end(): Promise<void>;
}

export interface RollbackRequest {
  /** The deployment that is left. */
  readonly deploymentId: string;
  readonly reason: string;
  readonly rollbackType: RollbackType;
  readonly preserveState: boolean;
}

/**
 * Opens a rollback in the ledger, with `later` only when it is over: in an emergency nothing waits for that. One that does not know the deployment, as after it was made anew, is done without.
 */
export async function openPhases(
  fleet: FleetSession,
  ledger: Member | undefined,
  request: RollbackRequest,
  note: (line: string) => void,
  later = false,
): Promise<Phases> {
  const history: { phase: RollbackPhase; at: string }[] = [];
  const tell = (member: Member, rollbackRequest: object) =>
    tellRollback(fleet.session, member, rollbackRequest, budgetOf(60));
  const refused = (error: unknown): undefined => {
    if (!(error instanceof FleetError)) throw error;
    note(`the ledger is not told: ${error.problems[0].what}`);
    return undefined;
  };
  let requestId: string | undefined;
  let told = 0;
  const catchUp = async () => {
    if (!ledger) return;
    for (const { phase } of history.slice(told)) {
      told += 1;
      if (phase === "PENDING") requestId = await tell(ledger, request).catch(refused);
      else if (requestId !== undefined)
        await tell(ledger, { rollbackId: requestId, status: phase }).catch(refused);
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
