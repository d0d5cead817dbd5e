import { FleetError } from "../../core/errors.ts";
import { writeAtomically } from "../../fleet/files.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type ReleaseDocument, readRelease, releasePath } from "../../fleet/releases/document.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import { type LedgerRun, ledgerOf, readLedger, runsOf } from "./ledger.ts";
import { type KnownRelease, localReleases, mergeReleases } from "./releases.ts";
import {
  type PulumiStack,
  pastStates,
  type StackUpdate,
  stackState,
  stackUpdates,
  type Traffic,
} from "./stack.ts";

/** The releases, runs and updates of a stack, from every source. */
export interface StackHistory {
  readonly releases: readonly KnownRelease[];
  readonly runs: readonly LedgerRun[];
  readonly updates: readonly StackUpdate[];
  /** When updates left a rollout on hold, ISO 8601, read from the stack's checkpoints. */
  readonly heldAt: readonly string[];
  /** The release that runs now. */
  readonly current?: ReleaseDocument;
  /** Whether `current` is missing from the stack's state: the run that deployed it failed or was killed before it was recorded. */
  readonly unrecorded: boolean;
  /** The present router; undefined if the fleet has no traffic table. */
  readonly traffic?: Traffic;
  /** Why the ledger could not be read; undefined if it was read, not asked, or the fleet has none. */
  readonly withoutLedger?: FleetError;
}

/**
 * Reads the history of a stack from this machine's releases, the ledger, and the stack's own history and state. Saves the release that
 * runs now on this machine, so that a new clone has it too.
 *
 * @param askLedger time limit for the ledger in seconds; 0 skips the ledger
 */
export async function readHistory(
  fleet: FleetSession,
  where: StackFiles,
  ask: PulumiStack,
  askLedger: number,
): Promise<StackHistory> {
  const [updates, { release: ofState, hasRelease, traffic, heldAt }] = await Promise.all([
    stackUpdates(ask),
    stackState(ask),
  ]);
  const past = await pastStates(ask, updates);
  const local = await localReleases(where);
  let runs: LedgerRun[] = [];
  let withoutLedger: FleetError | undefined;
  const ledger = ledgerOf(fleet);
  if (ledger && askLedger > 0) {
    try {
      runs = runsOf(await readLedger(fleet, ledger, askLedger));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      withoutLedger = error;
    }
  }
  const current = await currentRelease(where, ofState);
  const documents = [...past.releases, ...(ofState ? [ofState] : []), ...local];
  return {
    releases: mergeReleases(documents, runs, current?.deploymentId),
    runs,
    updates,
    heldAt: [...past.heldAt, ...(heldAt === undefined ? [] : [heldAt])],
    ...(current === undefined ? {} : { current }),
    unrecorded: hasRelease && ofState?.deploymentId !== current?.deploymentId,
    ...(traffic === undefined ? {} : { traffic }),
    ...(withoutLedger === undefined ? {} : { withoutLedger }),
  };
}

/** The stack's state takes precedence over local files: another machine may have deployed since. */
async function currentRelease(
  where: StackFiles,
  ofState: ReleaseDocument | undefined,
): Promise<ReleaseDocument | undefined> {
  const local = await readRelease(where, "current").catch(() => undefined);
  if (!ofState || local?.deploymentId === ofState.deploymentId) return local;
  if (local && local.releasedAt > ofState.releasedAt) return local;
  await keepRelease(where, ofState);
  await writeAtomically(releasePath(where, "current"), `${JSON.stringify(ofState, null, 2)}\n`);
  return ofState;
}

/** Saves a release that was read from elsewhere on this machine. */
export async function keepRelease(where: StackFiles, release: ReleaseDocument): Promise<void> {
  await writeAtomically(releasePath(where, release.deploymentId), `${JSON.stringify(release, null, 2)}\n`);
}
