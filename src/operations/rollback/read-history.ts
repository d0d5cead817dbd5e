import { join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type ReleaseDocument, readRelease, writeRelease } from "../../fleet/releases/document.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import type { OperationContext } from "../context.ts";
import { type LedgerRun, ledgerOf, readLedger, runsOf } from "./ledger.ts";
import { type KnownRelease, localReleases, mergeReleases } from "./releases.ts";
import {
  type PulumiStack,
  pastStates,
  type StackState,
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
  /** Why the stack's state and history could not be read; undefined if they were. */
  readonly withoutState?: FleetError;
  /** Why the ledger could not be read; undefined if it was read, not asked, or the fleet has none. */
  readonly withoutLedger?: FleetError;
}

/**
 * Reads the history of a stack from this machine's releases, the ledger, and the stack's own history and state. Saves the release that
 * runs now on this machine, so that a new clone has it too.
 *
 * @param askLedger time limit for the ledger in seconds; 0 skips the ledger
 * @param needsState whether it fails if the stack's state and history cannot be read. @default true
 * @throws FleetError STATE_UNREADABLE
 */
export async function readHistory(
  context: OperationContext,
  fleet: FleetSession,
  askLedger: number,
  needsState = true,
): Promise<StackHistory> {
  const { project, stack } = fleet;
  const where = { home: join(context.projectDir, ".fleet"), project, stack };
  const ask = { host: context.host, workspace: await context.workspace(), project, stack };
  const { updates, state, withoutState } = await ofPulumi(ask, needsState);
  const { release: ofState, hasRelease, traffic, heldAt } = state;
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
    ...(withoutState === undefined ? {} : { withoutState }),
    ...(withoutLedger === undefined ? {} : { withoutLedger }),
  };
}

/** What pulumi says about the stack; nothing, and why, if it cannot be read and is not needed. */
async function ofPulumi(
  ask: PulumiStack,
  isNeeded: boolean,
): Promise<{
  readonly updates: readonly StackUpdate[];
  readonly state: StackState;
  readonly withoutState?: FleetError;
}> {
  try {
    const [updates, state] = await Promise.all([stackUpdates(ask), stackState(ask)]);
    return { updates, state };
  } catch (error) {
    if (isNeeded || !(error instanceof FleetError)) throw error;
    return { updates: [], state: { hasRelease: false }, withoutState: error };
  }
}

/** The stack's state takes precedence over local files: another machine may have deployed since. */
async function currentRelease(
  where: StackFiles,
  ofState: ReleaseDocument | undefined,
): Promise<ReleaseDocument | undefined> {
  const local = await readRelease(where, "current").catch(() => undefined);
  if (!ofState || local?.deploymentId === ofState.deploymentId) return local;
  if (local && local.releasedAt > ofState.releasedAt) return local;
  await writeRelease(where, ofState, true);
  return ofState;
}
