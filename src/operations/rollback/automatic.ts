import { FleetError } from "../../core/errors.ts";
import type { OperationContext } from "../context.ts";
import type { Engine } from "../deploy/engine.ts";
import type { DeployOutcome } from "../deploy/run.ts";
import { mayHaveChanged } from "../deploy/standing.ts";
import { freeStack } from "../recover/free.ts";
import { historyFor } from "./history-for.ts";
import { newRollbackId } from "./id.ts";
import { lostWords } from "./lost.ts";
import { perform, type RollbackObserver } from "./perform.ts";
import { prepare } from "./prepare.ts";
import { lastReport } from "./report.ts";

/** What came of an automatic rollback. */
export type Automatic =
  /** Nothing was changed by the run, so there is nothing to undo. */
  | { readonly kind: "not-needed" }
  | { readonly kind: "done"; readonly rollbackId: string; readonly to: string }
  /** The fleet stays as the failed run left it, for this reason. */
  | { readonly kind: "stopped"; readonly code: string };

/** Who is told how it goes. */
export interface AutomaticObserver extends RollbackObserver {
  alert(line: string): void;
  /** There is no automatic rollback, for this reason. */
  refused(error: FleetError): void;
}

/**
 * Brings a fleet back to its last release after a deployment that failed half-way. The stack is not pinned: the next deploy follows the
 * program again. It stops, and says why, where data would be lost or where that release could not be brought back the last time.
 */
export async function rollBackAutomatically(
  context: OperationContext,
  engine: Engine,
  failed: DeployOutcome,
  parallel: number,
  out: AutomaticObserver,
): Promise<Automatic> {
  const { projectDir } = context;
  if (!mayHaveChanged(failed)) return { kind: "not-needed" };
  const stop = (error: FleetError): Automatic => {
    out.refused(error);
    return { kind: "stopped", code: error.code };
  };
  try {
    // A pulumi that was killed left its lock, and perhaps a provider that still works.
    if (!(await freeStack(context, out))) return { kind: "stopped", code: "STACK_LOCKED" };
    const fleet = await context.fleet({ journal: "discard" });
    const known = await historyFor(context, fleet, 30);
    const release = known.releases.find(({ current }) => current);
    if (!release) return { kind: "not-needed" };
    const last = await lastReport(projectDir, fleet);
    if (last?.automatic && last.status !== "COMPLETED" && last.to.releaseHash === release.releaseHash)
      return stop(loop(release.deploymentId, last.rollbackId));
    const rollbackId = newRollbackId(new Date());
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
    if (diverged?.lost) return stop(frozen(diverged.name, lostWords(diverged.lost), release.deploymentId));
    out.note(`going back to ${release.deploymentId}, which ran before`);
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
        emergency: false,
        timeout: undefined,
        parallel,
      },
      out,
    );
    if (report.status === "COMPLETED") return { kind: "done", rollbackId, to: release.deploymentId };
    return { kind: "stopped", code: report.status };
  } catch (error) {
    if (error instanceof FleetError) return stop(error);
    throw error;
  }
}

const loop = (release: string, rollbackId: string): FleetError =>
  new FleetError({
    code: "ROLLBACK_LOOP",
    what: `The way back to ${release} failed the last time already (${rollbackId}).`,
    expected: "a release that can be brought back",
    remedy: "Look at what failed, then go back by hand: npx fleet rollback",
  });

const frozen = (member: string, lost: string, release: string): FleetError =>
  new FleetError({
    code: "DIVERGENCE",
    what: `${member} cannot go back without loss: ${lost} not in its state of then. The fleet stays as it is.`,
    expected: "a `down` migration, or your word that it may be lost",
    remedy: `npx fleet rollback --to ${release} --accept-divergence; or mend it and deploy again`,
  });
