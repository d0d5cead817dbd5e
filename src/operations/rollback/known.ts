import { FleetError } from "../../core/errors.ts";
import { writeAtomically } from "../../fleet/files.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type ReleaseDocument, readRelease, releasePath } from "../../fleet/releases/document.ts";
import type { Where } from "../../fleet/releases/remote.ts";
import { type LedgerRun, ledgerOf, readLedger, runsOf } from "./ledger.ts";
import { type KnownRelease, localReleases, mergeReleases } from "./releases.ts";
import {
  pastStates,
  type StackAsk,
  type StackUpdate,
  stackState,
  stackUpdates,
  type Traffic,
} from "./stack.ts";

/** All that is known of what a stack was. */
export interface KnownHistory {
  readonly releases: readonly KnownRelease[];
  readonly runs: readonly LedgerRun[];
  readonly updates: readonly StackUpdate[];
  /** When updates left the rollout waiting for a person, ISO 8601, as the stack's states say. */
  readonly heldAt: readonly string[];
  /** What runs now. */
  readonly current?: ReleaseDocument;
  /** Whether the stack's state does not say that `current` runs: a run brought it there, and failed or was killed before it was written down. */
  readonly unrecorded: boolean;
  /** The router of now, where traffic is given by a table. */
  readonly traffic?: Traffic;
  /** Why the ledger is not in it; undefined when it is, or when the fleet has none. */
  readonly withoutLedger?: FleetError;
}

/**
 * Reads the history of a stack from all that knows of it: this machine's releases, the ledger, the stack's own history and
 * state. What runs now is kept on this machine from then on, so that a program on a new clone knows it too.
 *
 * @param askLedger seconds that the ledger may take; 0 to leave it out
 */
export async function readHistory(
  fleet: FleetSession,
  where: Where,
  ask: StackAsk,
  askLedger: number,
): Promise<KnownHistory> {
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
  const current = await whatRuns(where, ofState);
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

/** The state of the stack is the authority: another machine may have deployed since this one did. */
async function whatRuns(
  where: Where,
  ofState: ReleaseDocument | undefined,
): Promise<ReleaseDocument | undefined> {
  const local = await readRelease(where, "current").catch(() => undefined);
  if (!ofState || local?.deploymentId === ofState.deploymentId) return local;
  if (local && local.releasedAt > ofState.releasedAt) return local;
  await keepRelease(where, ofState);
  await writeAtomically(releasePath(where, "current"), `${JSON.stringify(ofState, null, 2)}\n`);
  return ofState;
}

/** Keeps a release that came from elsewhere on this machine. */
export async function keepRelease(where: Where, release: ReleaseDocument): Promise<void> {
  await writeAtomically(releasePath(where, release.deploymentId), `${JSON.stringify(release, null, 2)}\n`);
}
