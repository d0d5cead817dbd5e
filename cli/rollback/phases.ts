import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { ask } from "../../providers/run/control.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members.ts";

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
export interface Phases {
  /** The ledger's id of it; undefined without a ledger. */
  readonly requestId: string | undefined;
  readonly history: readonly { readonly phase: RollbackPhase; readonly at: string }[];
  /** Told once it is so. What the ledger does not take is noted: it stops no rollback. */
  to(phase: RollbackPhase): Promise<void>;
}

export interface RollbackRequest {
  /** The deployment that is left. */
  readonly deploymentId: string;
  readonly reason: string;
  readonly rollbackType: RollbackType;
  readonly preserveState: boolean;
}

const RequestSchema = z.looseObject({ requestId: z.string() });

/** Opens a rollback in the ledger. One that does not know the deployment, as after it was made anew, is done without. */
export async function openPhases(
  fleet: FleetSession,
  ledger: Member | undefined,
  request: RollbackRequest,
  note: (line: string) => void,
): Promise<Phases> {
  const history: { phase: RollbackPhase; at: string }[] = [];
  const tell = (member: Member, rollbackRequest: Record<string, unknown>) =>
    ask(
      fleet.session,
      { ...member, action: "DEPLOYMENT_ROLLBACK", data: { rollbackRequest } },
      RequestSchema,
      budgetOf(60),
    );
  const refused = (error: unknown): undefined => {
    if (!(error instanceof FleetError)) throw error;
    note(`the ledger is not told: ${error.problems[0].what}`);
    return undefined;
  };
  const opened = ledger && (await tell(ledger, { ...request }).catch(refused));
  history.push({ phase: "PENDING", at: new Date().toISOString() });
  return {
    requestId: opened?.requestId,
    history,
    async to(phase) {
      history.push({ phase, at: new Date().toISOString() });
      if (ledger && opened)
        await tell(ledger, { rollbackId: opened.requestId, status: phase }).catch(refused);
    },
  };
}
