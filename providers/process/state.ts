import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { RestoredState } from "../../src/fleet/code/commit.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { contentsText, EMPTY_TEXT, isEmpty, notExportedText } from "../../src/fleet/snapshot/contents.ts";
import { type Snapshot, snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { type ExportedSnapshot, exportAndStore } from "../../src/fleet/snapshot/take.ts";
import { isUnsupported, unsupportedRemedy, WITHOUT_BACKUP } from "../../src/fleet/snapshot/unsupported.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** Codes of processes that evaluate no message. */
const COMPUTES_NOTHING: ReadonlySet<string> = new Set(["PROCESS_RUINED", "PROCESS_STUCK"]);

/** Seconds that a snapshot may delay an upgrade. */
const SNAPSHOT_SECONDS = 60;

/** What is known of a load that replaces code. */
interface Replaced {
  /** The same code is loaded again. */
  readonly repair: boolean;
  /** The running code does not contain the fleet's library. */
  readonly plain: boolean;
  /** The globals that the new code declares as its state. */
  readonly globals?: readonly string[] | undefined;
  /** The declaration gives the state up (`state: "none"`). */
  readonly stateless: boolean;
}

/**
 * Takes a snapshot of a process before new code is loaded. If that fails, the run stops: a person or the stack has to decide whether to
 * continue without a backup, because a rollback could then not restore the state. The failure is only reported if there is nothing to
 * decide: the same code is loaded again, which repairs a process whose handlers were removed by hand, the program does not have the
 * fleet's library and exports nothing, or the declaration gives up a state that cannot be exported.
 *
 * @returns the snapshot; undefined if the run continues without one
 * @throws FleetError BACKUP_FAILED; transient if its cause is
 */
export async function keepState(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  how: Replaced,
  budget: Budget,
): Promise<Snapshot | undefined> {
  try {
    const taken = await exported(session, place, sourceHash, how, within(budget, SNAPSHOT_SECONDS));
    await reportStep(session, place.name, "saved", savedWords(taken));
    return taken.snapshot;
  } catch (error) {
    // The state of a process that computes nothing cannot be saved, and its error says more.
    if (!(error instanceof FleetError) || COMPUTES_NOTHING.has(error.code)) throw error;
    const isPlain = how.plain && error.code === "NO_REPLY";
    const isGivenUp = how.stateless && isUnsupported(error);
    if (!how.repair && !isPlain && !isGivenUp && session.withoutBackup !== true)
      throw backupFailed(place, error);
    await reportStep(session, place.name, "saved", `no state: ${error.problems[0].what} [${error.code}]`);
    return undefined;
  }
}

/**
 * The backup. The running code exports every global that messages changed, unless its own declaration lists some; if one of them cannot be
 * exported, the declaration of the new code decides which are state.
 */
async function exported(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  { globals }: Replaced,
  budget: Budget,
): Promise<ExportedSnapshot> {
  const occasion = { reason: "upgrade", sourceHash } as const;
  try {
    return await exportAndStore(session, place, occasion, budget);
  } catch (error) {
    if (globals === undefined || !isUnsupported(error)) throw error;
    return exportAndStore(session, place, occasion, budget, { globals });
  }
}

function backupFailed({ name }: ProcessRef, cause: FleetError): FleetError {
  const [{ what, got, remedy }] = cause.problems;
  return new FleetError(
    {
      code: "BACKUP_FAILED",
      what: `The state of ${name} could not be backed up, so its code was not changed.`,
      got: `${what}${got === undefined ? "" : ` ${got}`} [${cause.code}]`,
      expected: "a backup that a rollback can restore",
      remedy: isUnsupported(cause)
        ? unsupportedRemedy(name)
        : `${cause.transient ? "Run the deployment again" : remedy.replace(/[.]$/, "")}, or continue without a backup: ${WITHOUT_BACKUP}.`,
    },
    { transient: cause.transient, cause },
  );
}

/** An empty state is reported as no backup. */
function savedWords({ snapshot, left, code }: Pick<ExportedSnapshot, "snapshot" | "left" | "code">): string {
  const { digest, bytes, states = [], globals = [] } = snapshot;
  const contents = { states, globals };
  const undeclared =
    left.length === 0 ? "" : `; not included, because they are not declared: ${left.join(", ")}`;
  const others = undeclared + notExportedText(code);
  if (!isEmpty(contents))
    return `state ${digest.slice(0, 8)}, ${contentsText(contents)}, ${bytes} bytes${others}`;
  return left.length === 0
    ? `nothing: ${EMPTY_TEXT}${others}`
    : `nothing: the tables of fleet.state are empty, and no global is declared as state${others}`;
}

/**
 * The state with which a rollback loads the code, unless it was already restored.
 *
 * @throws FleetError SNAPSHOT_GONE
 */
export async function stateFor(
  session: Session,
  place: ProcessRef,
  { restore }: ProcessInputs,
  olds: ProcessOutputs | undefined,
): Promise<RestoredState | undefined> {
  if (restore === undefined || olds?.revision?.restored === restore.id) return undefined;
  const text = await snapshotStore(session.scope).text(restore.digest);
  if (text !== undefined) return { text, digest: restore.digest };
  throw new FleetError({
    code: "SNAPSHOT_GONE",
    what: `The state to restore for ${place.name} is not in the store.`,
    got: `no ${restore.digest} in ${session.scope.home}/snapshots`,
    expected: "the snapshot that the rollback selected",
    remedy: "Run npx fleet rollback again: it also looks for the snapshot on the network.",
  });
}
