/** What the processes themselves say after a run that did not succeed: nothing is said of a member that was not asked. */
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { glanceAtBare } from "../../fleet/health/bare.ts";
import { servingIn } from "../../fleet/members/known.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import { unansweredBy } from "../observe/unanswered.ts";
import { drift } from "../observe/verdict.ts";

/** One process that has traffic of a member. */
export interface Heard {
  /** The member. */
  readonly name: string;
  /**
   * `serves`: it takes requests, with the code that it is known for. `refuses`: it takes none, DRAINING. `differs`: it answered
   * otherwise. `unknown`: it was not heard.
   */
  readonly state: "serves" | "refuses" | "differs" | "unknown";
  /** Of the last two: what it answered, or the stable code of why nothing was heard. */
  readonly why?: string;
}

/** Seconds that a process gets for its answer, and all of them together with the router's table. */
const EACH = 10;
const ALL = 30;

/**
 * Asks every process that has traffic, by dry runs, all at once. Signs nothing.
 *
 * @returns what each said; a code where the fleet could not be asked at all
 */
export async function hearFleet(
  open: (options: { journal: "discard"; wallet: false }) => Promise<FleetSession>,
): Promise<{ readonly heard: readonly Heard[] } | { readonly unasked: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ unasked: string }>((resolve) => {
    timer = setTimeout(() => resolve({ unasked: "TIMEOUT" }), ALL * 1000);
  });
  try {
    return await Promise.race([asked(open), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function asked(open: (options: { journal: "discard"; wallet: false }) => Promise<FleetSession>) {
  try {
    const fleet = await open({ journal: "discard", wallet: false });
    // Without the table nobody knows which of a member's processes has its traffic.
    if (fleet.router !== undefined && fleet.routed === undefined) return { unasked: "NO_TABLE" };
    return { heard: await Promise.all(servingIn(fleet).map((member) => hear(fleet, member))) };
  } catch (error) {
    if (error instanceof FleetError) return { unasked: error.code };
    throw error;
  }
}

async function hear(fleet: FleetSession, member: Member): Promise<Heard> {
  const name = member.of ?? member.name;
  try {
    if (isBare(member)) {
      const { health, code, reasons } = await glanceAtBare(fleet, member, budgetOf(EACH));
      if (health === "HEALTHY") return { name, state: "serves" };
      if (health === "UNKNOWN") return { name, state: "unknown", why: code ?? health };
      return { name, state: "differs", why: reasons.join("; ") };
    }
    const { status, sourceHash } = await dryInfo(fleet, member, EACH, "status", "sourceHash");
    if (status === "DRAINING") return { name, state: "refuses" };
    const other = status === "ACTIVE" ? drift(member, sourceHash) : [status];
    return other.length === 0 ? { name, state: "serves" } : { name, state: "differs", why: other.join("; ") };
  } catch (error) {
    const { state, code } = unansweredBy(error);
    return state === "UNKNOWN" || state === "OFFLINE"
      ? { name, state: "unknown", why: code }
      : { name, state: "differs", why: code };
  }
}
