import { FleetError } from "../../core/errors.ts";
import { newId } from "../../core/stamp.ts";
import type { OperationContext } from "../context.ts";
import type { Engine } from "../deploy/engine.ts";
import type { DeployOutcome } from "../deploy/run.ts";
import { mayHaveChanged } from "../deploy/standing.ts";
import { freeStack } from "../recover/free-stack.ts";
import { describeLost } from "./lost-messages.ts";
import { perform, type RollbackObserver } from "./perform.ts";
import { prepare } from "./prepare.ts";
import { readHistory } from "./read-history.ts";
import { lastReport } from "./report.ts";
import { type UnsavedMember, unsavedLine } from "./unsaved.ts";

/** The result of an automatic rollback. */
type AutomaticRollback =
  /** The failed run changed nothing. */
  | { readonly kind: "not-needed" }
  | {
      readonly kind: "done";
      readonly rollbackId: string;
      readonly to: string;
      /** State that could not be saved first. */
      readonly unsaved: readonly UnsavedMember[];
    }
  /** The fleet stays as the failed run left it. `code` is the error's code, or the status of the rollback. */
  | { readonly kind: "stopped"; readonly code: string };

/** Receives the progress of an automatic rollback. */
export interface AutomaticObserver extends RollbackObserver {
  alert(line: string): void;
  /** The fleet cannot be rolled back automatically. */
  refused(error: FleetError): void;
}

/**
 * Rolls a fleet back to its last release after a deployment that failed half-way. Does not pin the stack: the next deploy follows the
 * program again. Stops if messages would be lost, or if the previous automatic rollback to that release failed.
 */
export async function rollBackAutomatically(
  context: OperationContext,
  engine: Engine,
  failed: DeployOutcome,
  parallel: number,
  out: AutomaticObserver,
): Promise<AutomaticRollback> {
  const { projectDir } = context;
  if (!mayHaveChanged(failed)) return { kind: "not-needed" };
  const stop = (error: FleetError): AutomaticRollback => {
    out.refused(error);
    return { kind: "stopped", code: error.code };
  };
  try {
    // A killed pulumi leaves its lock, and perhaps a provider that is still running.
    if (!(await freeStack(context, out))) return { kind: "stopped", code: "STACK_LOCKED" };
    const fleet = await context.fleet({ journal: "discard" });
    const known = await readHistory(context, fleet, 30);
    const release = known.releases.find(({ current }) => current);
    if (!release) return { kind: "not-needed" };
    const last = await lastReport(projectDir, fleet);
    if (last?.automatic && last.status !== "COMPLETED" && last.to.releaseHash === release.releaseHash)
      return stop(loopError(release.deploymentId, last.rollbackId));
    const rollbackId = newId("rollback", new Date());
    const prepared = await prepare(context, fleet, known, release, {
      rollbackId,
      only: [],
      restoreState: false,
      manual: false,
      traffic: known.traffic,
      emergency: false,
      again: true,
    });
    const [diverged] = prepared.diverged;
    if (diverged?.lost)
      return stop(divergenceError(diverged.name, describeLost(diverged.lost), release.deploymentId));
    // A release that works is worth more at night than an answer in the morning: the loss is named, now and in the summary.
    for (const one of prepared.unsaved) out.alert(unsavedLine(one));
    out.note(`rolling back to the last release, ${release.deploymentId}`);
    const { report } = await perform(
      context,
      fleet,
      engine,
      prepared,
      {
        rollbackId,
        deploymentId: failed.deploymentId,
        reason: `the deployment ${failed.deploymentId} failed`,
        rollbackType: "DEPLOYMENT",
        preserveState: true,
        manual: false,
        automatic: true,
        acceptedDivergence: false,
        withoutBackup: true,
        emergency: false,
        timeout: undefined,
        parallel,
      },
      out,
    );
    if (report.status === "COMPLETED")
      return { kind: "done", rollbackId, to: release.deploymentId, unsaved: prepared.unsaved };
    return { kind: "stopped", code: report.status };
  } catch (error) {
    if (error instanceof FleetError) return stop(error);
    throw error;
  }
}

const loopError = (release: string, rollbackId: string): FleetError =>
  new FleetError({
    code: "ROLLBACK_LOOP",
    what: `The last automatic rollback to ${release} failed (${rollbackId}).`,
    expected: "a release that can be restored",
    remedy: "Read its report, then roll back by hand: npx fleet rollback",
  });

const divergenceError = (member: string, lost: string, release: string): FleetError =>
  new FleetError({
    code: "DIVERGENCE",
    what: `Rolling ${member} back would lose data: ${lost} not in its earlier state. The fleet was left as it is.`,
    expected: "a `down` migration, or --accept-divergence",
    remedy: `npx fleet rollback --to ${release} --accept-divergence; or fix the program and deploy again`,
  });
