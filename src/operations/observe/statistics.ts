import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Statistics, statistics } from "../../fleet/protocol/statistics.ts";

/** The counters of a process, or why it did not report them. */
interface ProcessStatistics {
  readonly name: string;
  readonly processId: string;
  readonly statistics?: Statistics;
  readonly error?: Problem;
}

/**
 * Asks members, and every further revision that has part of their traffic, for their counters: each process counts only its own requests.
 *
 * @param seconds time limit for the answers
 */
export function fleetStatistics(
  fleet: FleetSession,
  members: readonly Member[],
  seconds: number,
): Promise<ProcessStatistics[]> {
  const { sharing = [] } = fleet;
  const asked = members.flatMap((member) => [
    member,
    ...sharing.filter((one) => one.of === member.name && !runsWithoutLibrary(one)),
  ]);
  return Promise.all(asked.map((member) => statisticsOf(fleet, member, seconds)));
}

async function statisticsOf(
  fleet: FleetSession,
  member: Member,
  seconds: number,
): Promise<ProcessStatistics> {
  const { name, processId } = member;
  try {
    return { name, processId, statistics: await statistics(fleet.session, member, budgetOf(seconds)) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { name, processId, error: error.problems[0] };
  }
}

/** The figures of deployments, which only a ledger counts. */
const DEPLOYMENTS = [
  "totalDeployments",
  "successfulDeployments",
  "failedDeployments",
  "rolledBackDeployments",
  "averageDeploymentTime",
  "rollbackRate",
] as const;

/** What a ledger counted of deployments; empty for any other process. Pure. */
export const deploymentFigures = (counted: Statistics): string =>
  DEPLOYMENTS.filter((key) => typeof counted[key] === "number")
    .map((key) => `${key} ${counted[key]}`)
    .join(", ");
