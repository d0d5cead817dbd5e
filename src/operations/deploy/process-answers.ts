/** Asks the processes after a run, so that the report claims nothing about a member that was not asked. */
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { dryProbeWithoutLibrary } from "../../fleet/health/without-library.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import { assertComputed } from "../observe/computed.ts";
import { classifyFailedRead } from "../observe/unanswered.ts";
import { codeDrift } from "../observe/verdict.ts";

/** The answer of one process that has traffic of a member. */
export interface ProcessAnswer {
  /** The member. */
  readonly name: string;
  /**
   * `serves`: it accepts requests and runs the code of the last deployment. `refuses`: it is DRAINING and accepts none. `differs`: it
   * answered something else. `unknown`: no answer was received.
   */
  readonly state: "serves" | "refuses" | "differs" | "unknown";
  /** For `differs`, what it answered; for `unknown`, the stable code of the reason. */
  readonly why?: string;
}

/** Seconds for one process to answer, and for all of them together with the router's table. */
const MEMBER_TIMEOUT_SECONDS = 10;
const TOTAL_TIMEOUT_SECONDS = 30;

/**
 * Asks every process that has traffic, by dry runs, all at once. Signs nothing.
 *
 * @returns every answer, or the code of the reason why the fleet could not be asked at all
 */
export async function askFleet(
  open: (options: { journal: "discard"; wallet: false }) => Promise<FleetSession>,
): Promise<{ readonly answers: readonly ProcessAnswer[] } | { readonly unreachable: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ unreachable: string }>((resolve) => {
    timer = setTimeout(() => resolve({ unreachable: "TIMEOUT" }), TOTAL_TIMEOUT_SECONDS * 1000);
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
    // Without the table it is unknown which of a member's processes has its traffic.
    if (fleet.router !== undefined && fleet.routed === undefined) return { unreachable: "NO_TABLE" };
    return { answers: await Promise.all(servingIn(fleet).map((member) => askMember(fleet, member))) };
  } catch (error) {
    if (error instanceof FleetError) return { unreachable: error.code };
    throw error;
  }
}

async function askMember(fleet: FleetSession, member: Member): Promise<ProcessAnswer> {
  const name = member.of ?? member.name;
  try {
    if (runsWithoutLibrary(member)) {
      const { health, code, reasons } = await dryProbeWithoutLibrary(
        fleet,
        member,
        budgetOf(MEMBER_TIMEOUT_SECONDS),
      );
      if (health === "HEALTHY") return { name, state: "serves" };
      if (health === "UNKNOWN") return { name, state: "unknown", why: code ?? health };
      return { name, state: "differs", why: reasons.join("; ") };
    }
    await assertComputed(fleet.session, member.processId, budgetOf(MEMBER_TIMEOUT_SECONDS));
    const { status, sourceHash } = await dryInfo(
      fleet,
      member,
      MEMBER_TIMEOUT_SECONDS,
      "status",
      "sourceHash",
    );
    if (status === "DRAINING") return { name, state: "refuses" };
    const other = status === "ACTIVE" ? codeDrift(member, sourceHash) : [status];
    return other.length === 0 ? { name, state: "serves" } : { name, state: "differs", why: other.join("; ") };
  } catch (error) {
    const { state, code } = classifyFailedRead(error);
    return state === "UNKNOWN" || state === "OFFLINE"
      ? { name, state: "unknown", why: code }
      : { name, state: "differs", why: code };
  }
}
