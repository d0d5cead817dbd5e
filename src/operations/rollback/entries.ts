import { type Approval, overruledText } from "../../delivery/approval.ts";
import type { LedgerRun } from "./ledger.ts";
import type { KnownRelease } from "./releases.ts";
import type { StackUpdate } from "./stack.ts";

/** One line of the history: a deployment, a rollback or a destroy, whether it succeeded or not. */
export interface HistoryEntry {
  /** The number for `fleet rollback --to`; only releases have one. */
  readonly number?: number;
  readonly deploymentId?: string;
  /** ISO 8601: when it finished; if it never did, when it started. */
  readonly at: string;
  readonly kind: "deploy" | "rollback" | "destroy";
  readonly result: "succeeded" | "failed" | "held" | "running" | "interrupted" | "rolled-back";
  /** The git author of the commit; without one, the address that signed. */
  readonly who: string;
  /** The commit, if the project is in git; with `+` if the work tree was dirty. */
  readonly git?: string;
  readonly message?: string;
  /** As the ledger recorded it. */
  readonly strategy?: string;
  /** Differences from the release before it. */
  readonly changed: readonly string[];
  /** The release that a rollback restored. */
  readonly to?: string;
  /** Who promoted it, if its run completed a rollout: the judge, or a person without a passing verdict. */
  readonly approvedBy?: Approval["approvedBy"];
  /** Why it failed or was rolled back; for a release, the verdicts that a person overruled. */
  readonly reason?: string;
  /** Whether it runs now. */
  readonly current: boolean;
}

/**
 * Merges releases, the ledger's runs and the stack's own updates into one list, newest first. An update belongs to the deployment that
 * finished (or started) while it ran. Pure.
 *
 * @param heldAt when updates left a rollout on hold, ISO 8601: pulumi's own history says that they failed
 */
export function historyOfStack(
  releases: readonly KnownRelease[],
  runs: readonly LedgerRun[],
  updates: readonly StackUpdate[],
  heldAt: readonly string[] = [],
): HistoryEntry[] {
  const free = new Set(updates.filter(({ kind }) => kind === "update" || kind === "destroy"));
  const updateAt = (time: number): StackUpdate | undefined => {
    const found = [...free].find((update) => covers(update, time));
    if (found) free.delete(found);
    return found;
  };
  const left = leftBy(releases);
  const entries = releases.map((release): HistoryEntry => {
    const run = runs.find(({ deploymentId }) => deploymentId === release.deploymentId);
    const { number, deploymentId, releasedAt, changed, pinnedTo, current, document } = release;
    const approval = document?.approval;
    const overruled =
      (approval && overruledText(approval)) ?? (run?.status === "COMPLETED" ? run.reason : undefined);
    const wasRolledBack = run?.rolledBack || run?.status === "ROLLED_BACK" || left.has(deploymentId);
    return {
      number,
      deploymentId,
      at: releasedAt,
      kind: pinnedTo === undefined ? "deploy" : "rollback",
      result: wasRolledBack && !current ? "rolled-back" : "succeeded",
      ...about(updateAt(Date.parse(releasedAt)), run),
      changed,
      ...(approval === undefined ? {} : { approvedBy: approval.approvedBy }),
      ...(overruled === undefined ? {} : { reason: overruled }),
      ...(pinnedTo === undefined ? {} : { to: pinnedTo }),
      current,
    };
  });
  for (const run of runs) {
    if (entries.some(({ deploymentId }) => deploymentId === run.deploymentId)) continue;
    const update = updateAt(run.startedAt) ?? (run.finishedAt && updateAt(run.finishedAt));
    entries.push({
      deploymentId: run.deploymentId,
      at: new Date(run.finishedAt ?? run.startedAt).toISOString(),
      kind: "deploy",
      result: run.interrupted ? "interrupted" : resultOfRun(run.status),
      ...about(update || undefined, run),
      changed: [],
      ...(run.reason === undefined ? {} : { reason: run.reason }),
      current: false,
    });
  }
  entries.push(...updateEntries(free, heldAt));
  return entries.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

/** Updates of the stack that belong to no release and no run. */
function updateEntries(free: Iterable<StackUpdate>, heldAt: readonly string[]): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (const update of free) {
    // A successful update without a release (only outputs changed) is not something to return to.
    if (update.kind === "update" && update.result === "succeeded") continue;
    entries.push({
      at: update.endTime ?? update.startTime,
      kind: update.kind === "destroy" ? "destroy" : "deploy",
      result: isHeld(update, heldAt) ? "held" : resultOf(update.result),
      ...about(update, undefined),
      changed: [],
      current: false,
    });
  }
  return entries;
}

/** Releases that a later rollback undid: the one that ran before the rollback, if its target is older. */
function leftBy(releases: readonly KnownRelease[]): Set<string> {
  const left = new Set<string>();
  for (const [index, { pinnedTo }] of releases.entries()) {
    const before = releases[index - 1];
    const target = releases.find(({ deploymentId }) => deploymentId === pinnedTo);
    if (before && target && before.pinnedTo === undefined && target.number < before.number)
      left.add(before.deploymentId);
  }
  return left;
}

/** Whether the update ran at that time, with a margin: Pulumi's times are whole seconds. */
function covers({ startTime, endTime }: StackUpdate, time: number): boolean {
  const end = endTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(endTime) + 1500;
  return time >= Date.parse(startTime) - 1000 && time <= end;
}

/** Whether this update left a rollout on hold. Pulumi records such an update as failed. */
const isHeld = (update: StackUpdate, heldAt: readonly string[]): boolean =>
  update.kind === "update" &&
  update.result === "failed" &&
  heldAt.some((time) => covers(update, Date.parse(time)));

const resultOfRun = (status: string): HistoryEntry["result"] =>
  status === "RUNNING" ? "running" : status === "HELD" ? "held" : "failed";

const resultOf = (result: string): HistoryEntry["result"] =>
  result === "in-progress" ? "running" : result === "succeeded" ? "succeeded" : "failed";

/** An entry as text: why it ended this way, what a person overruled, what changed. Pure. */
export function entryText({ kind, result, to, reason, changed }: HistoryEntry): string {
  // What a destroy removed that failed is not known.
  if (kind === "destroy") return result === "succeeded" ? "destroyed" : "destroy";
  const why = reason === undefined ? [] : [reason];
  return (kind === "rollback" ? [`rollback to ${to}`, ...why] : [...why, ...changed]).join("; ");
}

function about(
  update: StackUpdate | undefined,
  run: LedgerRun | undefined,
): Pick<HistoryEntry, "who" | "git" | "message" | "strategy"> {
  const head = update?.environment["git.head"];
  const dirty = update?.environment["git.dirty"] === "true" ? "+" : "";
  return {
    who: update?.environment["git.author"] ?? run?.from ?? "",
    ...(head === undefined ? {} : { git: `${head.slice(0, 8)}${dirty}` }),
    ...(update === undefined || update.message === "" ? {} : { message: update.message }),
    ...(run?.strategy === undefined ? {} : { strategy: run.strategy }),
  };
}
