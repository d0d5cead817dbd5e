import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import {
  dryReadRunningCode,
  NEEDS_SIGNED_READ,
  type RunningCode,
  readRunningCode,
  runningCodeChanges,
} from "../code/without-library.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";
import { describeManualChanges } from "./code-drift.ts";

/** Why a member that was deployed with `lib: false` is skipped. */
export const NO_LIBRARY_REASON = "it runs without the fleet's library, which provides this";

/** Whether a member can never be read without a signature, so that its unknown health says nothing about it or its network. */
export const needsSignedRead = ({ code }: { readonly code?: string }): boolean => code === NEEDS_SIGNED_READ;

/** The health of a member without the library, by an Eval of its owner. */
export interface HealthWithoutLibrary {
  /** UNKNOWN only if a dry run could not tell. */
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
  /** Stable code of the reason why a dry run could not tell. */
  readonly code?: string;
  /** What was changed manually, or why the health is unknown. */
  readonly reasons: readonly string[];
  /** Response time in milliseconds; null if it did not answer. */
  readonly responseMs: number | null;
}

/**
 * By a signed Eval.
 *
 * @throws FleetError NOT_OWNER, PROCESS_ERROR, NO_REPLY and network errors
 */
export const probeWithoutLibrary = async (
  fleet: FleetSession,
  member: Member,
  budget: Budget,
): Promise<HealthWithoutLibrary> => judged(member, await readRunningCode(fleet.session, member, budget));

/** Codes that mean that the Eval of a dry run was not run at all. */
const NOT_RUN = new Set(["NOT_OWNER", "NO_REPLY", NEEDS_SIGNED_READ]);

/**
 * By a dry run of such an Eval: UNKNOWN if it is not run, because the unit rejects Evals in dry runs or the wallet is not the owner's.
 *
 * @throws FleetError PROCESS_ERROR and network errors
 */
export async function dryProbeWithoutLibrary(
  fleet: FleetSession,
  member: Member,
  budget: Budget,
): Promise<HealthWithoutLibrary> {
  try {
    return judged(member, await dryReadRunningCode(fleet.session, member, budget));
  } catch (error) {
    if (!(error instanceof FleetError) || !NOT_RUN.has(error.code)) throw error;
    const why =
      error.code === NEEDS_SIGNED_READ
        ? "this network has no dry runs of its owner: npx fleet status reads it by a signed message"
        : "a dry run of its owner's Eval was not answered";
    const what = `it runs without the fleet's library (lib: false), and ${why}`;
    return { health: "UNKNOWN", code: error.code, reasons: [`${what} [${error.code}]`], responseMs: null };
  }
}

function judged({ code: known }: Member, { code, responseMs }: RunningCode): HealthWithoutLibrary {
  const reasons =
    known === undefined
      ? []
      : describeManualChanges(runningCodeChanges(known, code)).map((line) => `code: ${line}`);
  return {
    health: reasons.length > 0 ? "UNHEALTHY" : "HEALTHY",
    reasons,
    responseMs: Math.round(responseMs),
  };
}
