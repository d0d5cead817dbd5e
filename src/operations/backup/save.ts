import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { stampOf } from "../../core/stamp.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";
import { takeSnapshot } from "../../fleet/snapshot/take.ts";

/** The result of a backup. */
interface SavedStates {
  readonly taken: readonly Snapshot[];
  /** Members whose state could not be saved, and why. */
  readonly failed: readonly { readonly member: string; readonly code: string; readonly what: string }[];
}

/**
 * Saves the states of members, one after another.
 *
 * @param seconds time limit for each answer
 * @param note receives each problem as soon as it is known
 */
export async function saveStates(
  fleet: FleetSession,
  members: readonly Member[],
  seconds: number,
  note: (problem: Problem) => void,
): Promise<SavedStates> {
  const deploymentId = `backup-${stampOf(new Date())}`;
  const taken: Snapshot[] = [];
  const failed: SavedStates["failed"][number][] = [];
  for (const member of members) {
    try {
      const { sourceHash } = await info(fleet.session, member, budgetOf(60), "epoch", "sourceHash");
      const occasion = { reason: "backup" as const, sourceHash, deploymentId };
      taken.push(await takeSnapshot(fleet.session, member, occasion, budgetOf(seconds)));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      const [problem] = error.problems;
      failed.push({ member: member.name, code: problem.code, what: problem.what });
      note({ ...problem, at: problem.at ?? `processes.${member.name}` });
    }
  }
  return { taken, failed };
}
