import { median } from "simple-statistics";

/** One run, as recorded in the ledger. */
export interface Run {
  readonly deploymentId: string;
  /** Milliseconds since 1970, in the scheduler's time. */
  readonly startedAt: number;
  readonly finishedAt?: number;
  /** RUNNING, COMPLETED, FAILED, ROLLED_BACK, or HELD: its rollout waits for a person, which is neither a success nor a failure. */
  readonly status: string;
  /** Whether a rollback replaced it. */
  readonly rolledBack: boolean;
}

/** Figures over all runs of the ledger, with the names of the coordinator's GET_STATISTICS. */
export interface Figures {
  readonly totalDeployments: number;
  readonly successfulDeployments: number;
  /** Including those that were rolled back. */
  readonly failedDeployments: number;
  readonly rolledBackDeployments: number;
  readonly activeDeployments: number;
  readonly finishedDeployments: number;
  /** Seconds. */
  readonly averageDeploymentTime: number;
  /** Percent. */
  readonly rollbackRate: number;
}

/** Milliseconds for which a run without an end counts as being under way. The ledger learns of no end if the deployer was killed. */
const LONGEST_RUN = 24 * 3_600_000;

/** Whether the newest run is under way. Pure. */
export function isDeploying(runs: readonly Run[], now: number): boolean {
  const newest = runs.at(-1);
  return newest?.status === "RUNNING" && now - newest.startedAt < LONGEST_RUN;
}

const isFailure = ({ status, rolledBack }: Run): boolean =>
  rolledBack || status === "FAILED" || status === "ROLLED_BACK";

const isHeld = ({ status }: Run): boolean => status === "HELD";

const wasRolledBack = ({ status, rolledBack }: Run): boolean => rolledBack || status === "ROLLED_BACK";

/** The guide's deployment statistics. Pure. */
export function figuresOf(runs: readonly Run[]): Figures {
  const active = runs.filter(({ status }) => status === "RUNNING").length;
  const held = runs.filter(isHeld).length;
  const back = runs.filter(wasRolledBack).length;
  const failed = runs.filter(isFailure).length;
  const seconds = runs.flatMap(({ startedAt, finishedAt }) =>
    finishedAt === undefined ? [] : [Math.max(0, finishedAt - startedAt) / 1000],
  );
  return {
    totalDeployments: runs.length,
    successfulDeployments: runs.length - active - held - failed,
    failedDeployments: failed,
    rolledBackDeployments: back,
    activeDeployments: active,
    finishedDeployments: runs.length - active,
    averageDeploymentTime: seconds.length === 0 ? 0 : seconds.reduce((a, b) => a + b, 0) / seconds.length,
    rollbackRate: runs.length === 0 ? 0 : (back / runs.length) * 100,
  };
}

/** The four DORA metrics over a window; null if nothing was measured. */
export interface Dora {
  /** Length of the window in days. */
  readonly windowDays: number;
  /** Successful deployments per day. */
  readonly deploymentFrequency: number;
  /** Median seconds from a commit to the end of the first successful deployment after it; null without commits. */
  readonly leadTimeSeconds: number | null;
  /** Share of finished deployments that failed or were rolled back; null if none finished. */
  readonly changeFailureRate: number | null;
  /** Median seconds from the end of a failed deployment to the end of the next successful one; null if there was none. */
  readonly timeToRestoreSeconds: number | null;
}

const DAY = 86_400_000;

/**
 * The DORA metrics from the ledger's runs and the project's commits. Pure.
 *
 * @param commits times of the project's commits in milliseconds; empty if the project is not in a repository
 */
export function doraOf(runs: readonly Run[], commits: readonly number[], now: number, windowDays = 30): Dora {
  const from = now - windowDays * DAY;
  const finished = runs
    .filter((run) => !isHeld(run))
    .flatMap((run) => (run.finishedAt === undefined ? [] : [{ ...run, finishedAt: run.finishedAt }]))
    .sort((a, b) => a.finishedAt - b.finishedAt);
  const good = finished.filter((run) => !isFailure(run));
  const recent = finished.filter(({ finishedAt }) => finishedAt >= from);
  const wrong = recent.filter(isFailure);
  // Several failures in a row are one outage, which started with the first.
  const restores = wrong.flatMap((run) => {
    const at = finished.indexOf(run);
    const before = finished[at - 1];
    if (before && isFailure(before) && before.finishedAt >= from) return [];
    const restored = finished.slice(at + 1).find((next) => !isFailure(next));
    return restored ? [(restored.finishedAt - run.finishedAt) / 1000] : [];
  });
  const leads = good.flatMap((run, index) => {
    if (run.finishedAt < from) return [];
    // The lead time of commits before the first deployment is unknown.
    const previous = good[index - 1]?.startedAt;
    if (previous === undefined) return [];
    return commits
      .filter((time) => time > previous && time <= run.startedAt)
      .map((time) => (run.finishedAt - time) / 1000);
  });
  return {
    windowDays,
    deploymentFrequency: good.filter(({ finishedAt }) => finishedAt >= from).length / windowDays,
    leadTimeSeconds: medianOrNull(leads),
    changeFailureRate: recent.length === 0 ? null : wrong.length / recent.length,
    timeToRestoreSeconds: medianOrNull(restores),
  };
}

const medianOrNull = (values: readonly number[]): number | null =>
  values.length === 0 ? null : median(values);
