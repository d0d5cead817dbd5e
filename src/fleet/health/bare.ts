import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { bareChanges, glanceAt, type Look, lookAt } from "../code/bare.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";
import { handWords } from "./code-drift.ts";

/** Why a member that was deployed with `lib: false` is not asked. */
export const NO_LIBRARY = "it runs without the fleet's library, which answers this";

/** How a member without the library is, by what aos itself answers an Eval of its owner. */
export interface BareLook {
  /** UNKNOWN only of a dry run that could not tell. */
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
  /** Stable code of why a dry run could not tell. */
  readonly code?: string;
  /** What was changed by hand, or why nothing can be told. */
  readonly reasons: readonly string[];
  /** Milliseconds until it answered; null where it did not. */
  readonly responseMs: number | null;
}

/**
 * By a signed Eval.
 *
 * @throws FleetError NOT_OWNER, PROCESS_ERROR, NO_REPLY and what the network says
 */
export const lookAtBare = async (fleet: FleetSession, member: Member, budget: Budget): Promise<BareLook> =>
  judged(member, await lookAt(fleet.session, member, budget));

/** Codes of an answer from which a dry run learns nothing of the process: the Eval was not run at all. */
const UNTOLD = new Set(["NOT_OWNER", "NO_REPLY"]);

/**
 * By a dry run of such an Eval: UNKNOWN where it is not run, since a unit takes no Eval in dry runs or the wallet is not the owner's.
 *
 * @throws FleetError PROCESS_ERROR and what the network says
 */
export async function glanceAtBare(fleet: FleetSession, member: Member, budget: Budget): Promise<BareLook> {
  try {
    return judged(member, await glanceAt(fleet.session, member, budget));
  } catch (error) {
    if (!(error instanceof FleetError) || !UNTOLD.has(error.code)) throw error;
    const what = `it has no library of the fleet (lib: false), and a dry run of its owner's Eval was not answered`;
    return { health: "UNKNOWN", code: error.code, reasons: [`${what} [${error.code}]`], responseMs: null };
  }
}

function judged({ code: known }: Member, { code, responseMs }: Look): BareLook {
  const reasons =
    known === undefined ? [] : handWords(bareChanges(known, code)).map((line) => `code: ${line}`);
  return {
    health: reasons.length > 0 ? "UNHEALTHY" : "HEALTHY",
    reasons,
    responseMs: Math.round(responseMs),
  };
}
