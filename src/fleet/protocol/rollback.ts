/** Rollbacks in the ledger (`DEPLOYMENT_ROLLBACK`): it records them and keeps the order of their phases. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { ask, type Sender } from "./ask.ts";

/** The types of rollbacks. `src/runtime/fleet/rollback-enums.lua` is generated from this list and the next. */
export const ROLLBACK_TYPES = ["DEPLOYMENT", "CONFIGURATION", "VERSION", "STATE", "EMERGENCY"] as const;
export type RollbackType = (typeof ROLLBACK_TYPES)[number];

/** The phases that may follow each one; a phase without any is an end. */
export const ROLLBACK_NEXT = {
  PENDING: ["PREPARING", "CANCELLED", "FAILED"],
  PREPARING: ["ROLLING_BACK", "CANCELLED", "FAILED"],
  ROLLING_BACK: ["VALIDATING", "PARTIAL", "CANCELLED", "FAILED"],
  VALIDATING: ["COMPLETED", "PARTIAL", "FAILED"],
  PARTIAL: ["ROLLING_BACK", "VALIDATING", "FAILED"],
} as const;

/** The phases of a rollback in the ledger's vocabulary. */
export type RollbackPhase =
  | keyof typeof ROLLBACK_NEXT
  | (typeof ROLLBACK_NEXT)[keyof typeof ROLLBACK_NEXT][number];

/** A rollback as the ledger records it. */
export interface RollbackRequest {
  /** The deployment that is rolled back. */
  readonly deploymentId: string;
  readonly reason: string;
  readonly rollbackType: RollbackType;
  readonly preserveState: boolean;
}

/** The next phase of a rollback. */
interface RollbackProgress {
  /** The id that the ledger gave it. */
  readonly rollbackId: string;
  readonly status: RollbackPhase;
}

const RollbackSchema = z.looseObject({ requestId: z.string() });

/**
 * Opens a rollback, or reports its phase.
 *
 * @returns the id that the ledger gave it
 * @throws FleetError as `ask`; UNKNOWN_DEPLOYMENT, WRONG_PHASE
 */
export async function reportRollback(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  rollbackRequest: RollbackRequest | RollbackProgress,
  budget: Budget,
): Promise<string> {
  const request = { name, generation, processId, action: "DEPLOYMENT_ROLLBACK", data: { rollbackRequest } };
  return (await ask(session, request, RollbackSchema, budget)).requestId;
}
