import { budgetOf } from "../../core/budget.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type LedgerEntry, ledgerEntries } from "../../fleet/protocol/ledger.ts";

/** One run, as the ledger recorded it. */
export interface LedgerRun {
  readonly deploymentId: string;
  readonly epoch?: number;
  /** Milliseconds since 1970, by the scheduler's clock. */
  readonly startedAt: number;
  readonly finishedAt?: number;
  /** RUNNING, COMPLETED, FAILED, HELD (its rollout is on hold) or ROLLED_BACK. */
  readonly status: string;
  readonly from: string;
  readonly strategy?: string;
  /** For people; no code reads it. */
  readonly reason?: string;
  /** Whether another run ended it: a later one started after it, or took over. */
  readonly interrupted: boolean;
  readonly releaseHash?: string;
  /** Whether a rollback undid it. */
  readonly rolledBack: boolean;
}

/** The member that keeps the ledger; undefined if the fleet has none. */
export function ledgerOf(fleet: FleetSession): Member | undefined {
  return fleet.members.find(({ name }) => name === fleet.ledger);
}

/** All entries about runs, rollbacks and single processes. @throws FleetError of the ledger or the network */
export async function readLedger(
  fleet: FleetSession,
  ledger: Member,
  seconds: number,
): Promise<LedgerEntry[]> {
  const entries = await ledgerEntries(fleet.session, ledger, budgetOf(seconds));
  return entries.filter(({ kind }) => KINDS.has(kind));
}

const KINDS = new Set(["DEPLOYMENT_BEGUN", "DEPLOYMENT_FINISHED", "ROLLBACK_PHASE", "PROCESS_PROGRESS"]);

/** Ids of processes that a run found beyond repair and replaced. Pure. */
export const ruinedIn = (entries: readonly LedgerEntry[]): string[] =>
  entries.flatMap(({ kind, status, processId }) =>
    kind === "PROCESS_PROGRESS" && status === "RUINED" && typeof processId === "string" ? [processId] : [],
  );

/** The runs that the entries describe, in the order in which they started. Pure. */
export function runsOf(entries: readonly LedgerEntry[]): LedgerRun[] {
  const runs = new Map<string, LedgerRun>();
  for (const entry of entries) {
    const id = entry.deploymentId;
    if (id === undefined) continue;
    const known = runs.get(id);
    if (entry.kind === "DEPLOYMENT_BEGUN" && !known) {
      runs.set(id, {
        deploymentId: id,
        ...(typeof entry.epoch === "number" ? { epoch: entry.epoch } : {}),
        startedAt: entry.at,
        status: "RUNNING",
        from: entry.from,
        ...(entry.strategy === undefined ? {} : { strategy: entry.strategy }),
        interrupted: false,
        rolledBack: false,
      });
    }
    if (entry.kind === "DEPLOYMENT_FINISHED") {
      const begun = known ?? { deploymentId: id, startedAt: entry.at, from: entry.from, rolledBack: false };
      runs.set(id, {
        ...begun,
        finishedAt: entry.at,
        interrupted: wasInterrupted(entry),
        status: entry.status ?? "FAILED",
        ...(entry.reason === undefined ? {} : { reason: entry.reason }),
        ...(entry.releaseHash === undefined ? {} : { releaseHash: entry.releaseHash }),
      });
    }
    if (entry.kind === "ROLLBACK_PHASE" && entry.status === "COMPLETED" && known)
      runs.set(id, { ...known, rolledBack: true });
  }
  return [...runs.values()];
}

/** Whether another run ended this one. Coordinators of earlier versions wrote no `cause`: their `reason` starts with one of two phrases. */
function wasInterrupted({ cause, reason = "" }: Pick<LedgerEntry, "cause" | "reason">): boolean {
  if (cause !== undefined) return cause === "TAKEN_OVER" || cause === "UNFINISHED";
  return /^(taken over by |it never finished; )/.test(reason);
}
