import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { RestoredState } from "../../src/fleet/code/commit.ts";
import type { Place } from "../../src/fleet/health/verdict.ts";
import { say } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { contentsWords, isEmpty } from "../../src/fleet/snapshot/contents.ts";
import { type Snapshot, snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { takeSnapshot } from "../../src/fleet/snapshot/take.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** Seconds that a snapshot may hold up an upgrade. */
const PATIENCE = 60;

/**
 * Keeps the states of a process before other code comes into it. Where that does not work, the run stops: whether to go on without is
 * for a person or the stack to say, since nothing could be brought back later. It is only said where there is nothing to decide: the
 * same code is loaded again, which is how a process is repaired whose handlers were removed by hand, or the program has not the fleet's
 * library and exports nothing.
 *
 * @param how `repair`: with the code that it had; `plain`: the code that runs carries no library of the fleet's
 * @returns what was taken; nothing where the run goes on without
 * @throws FleetError BACKUP_FAILED; transient when the reason is
 */
export async function keepState(
  session: Session,
  place: Place,
  sourceHash: string,
  how: { readonly repair: boolean; readonly plain: boolean },
  budget: Budget,
): Promise<Snapshot | undefined> {
  try {
    const taken = await takeSnapshot(
      session,
      place,
      { reason: "upgrade", sourceHash },
      within(budget, PATIENCE),
    );
    await say(session, place.name, "saved", savedWords(taken));
    return taken;
  } catch (error) {
    // Of a ruined process nothing can be kept any more: that is what is to be said of it.
    if (!(error instanceof FleetError) || error.code === "PROCESS_RUINED") throw error;
    const isPlain = how.plain && error.code === "NO_REPLY";
    if (!how.repair && !isPlain && session.withoutBackup !== true) throw backupFailed(place, error);
    await say(session, place.name, "saved", `no state: ${error.problems[0].what} [${error.code}]`);
    return undefined;
  }
}

function backupFailed({ name }: Place, cause: FleetError): FleetError {
  const [{ what, got }] = cause.problems;
  return new FleetError(
    {
      code: "BACKUP_FAILED",
      what: `The state of ${name} could not be kept, so its code was not changed.`,
      got: `${what}${got === undefined ? "" : `: ${got}`} [${cause.code}]`,
      expected: "a backup that a rollback can bring back",
      remedy:
        "Run the deployment again; or go on without a backup: npx fleet deploy --without-backup, FLEET_WITHOUT_BACKUP=1 pulumi up, or the stack setting withoutBackup.",
    },
    { transient: cause.transient, cause },
  );
}

/** An empty state is no backup of anything. */
function savedWords(taken: Snapshot): string {
  const contents = { states: taken.states ?? [], globals: taken.globals ?? [] };
  if (isEmpty(contents))
    return "no state: no table of fleet.state holds anything, and no message changed a global";
  return `state ${taken.digest.slice(0, 8)}, ${contentsWords(contents)}, ${taken.bytes} bytes`;
}

/**
 * The state that a rollback wants the code to be loaded with, unless it was put back already.
 *
 * @throws FleetError SNAPSHOT_GONE
 */
export async function stateFor(
  session: Session,
  place: Place,
  { restore }: ProcessInputs,
  olds: ProcessOutputs | undefined,
): Promise<RestoredState | undefined> {
  if (restore === undefined || olds?.revision?.restored === restore.id) return undefined;
  const text = await snapshotStore(session.scope).text(restore.digest);
  if (text !== undefined) return { text, digest: restore.digest };
  throw new FleetError({
    code: "SNAPSHOT_GONE",
    what: `The state that ${place.name} is to go back to is not in the store.`,
    got: `no ${restore.digest} in ${session.scope.home}/snapshots`,
    expected: "the snapshot that the rollback named",
    remedy: "npx fleet rollback again: it looks for the snapshot, also on the network.",
  });
}
