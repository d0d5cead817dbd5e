import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import { importState } from "../../fleet/protocol/state.ts";
import { contentsOf, contentsText, StateSchema } from "../../fleet/snapshot/contents.ts";
import { type Snapshot, snapshotStore } from "../../fleet/snapshot/store.ts";
import {
  type ExportedSnapshot,
  type Extent,
  exportState,
  type SnapshotReason,
} from "../../fleet/snapshot/take.ts";
import { isUnsupported } from "../../fleet/snapshot/unsupported.ts";
import { digestOf, mayShare, namesIn, type PlannedRestore } from "./newer-states.ts";

/** The result of a restore. */
interface Restored {
  /** Whether everything in the backup was read back unchanged; false if it was migrated up. */
  readonly equal: boolean;
  /** The shape of the process' state now. */
  readonly stateVersion: string;
  /** Globals of the backup that the running code does not declare: exports and later loads leave them out. */
  readonly notDeclared: readonly string[];
  /** Globals that were there before and are not in the backup. */
  readonly notNamed: readonly string[];
  /** States that are not in the backup and have their default now. */
  readonly reset: readonly string[];
  /** States that are not in the backup and are unchanged: those of the library itself, and those whose default the process does not know. */
  readonly left: readonly string[];
  /** The state of the process before the restore. */
  readonly before: Snapshot;
  /** Globals that messages had changed and that could not be saved. */
  readonly notKept: readonly string[];
}

/** Seconds for each export and import. */
const SECONDS = 120;
/** The most global names in one export. */
const MAX_GLOBALS = 1000;

/**
 * Saves the present state, restores a saved one and reads it back. Compares everything in the backup, whatever the running code declares.
 * States that are not in it get their default, as planned, or stay as they are; either is reported, and not part of the comparison.
 *
 * @throws FleetError STATE_DIFFERS, and refusals of the process (FORBIDDEN, BAD_STATE, NO_MIGRATION, …)
 */
export async function restoreState(
  fleet: FleetSession,
  { member, snapshot, text, reset: planned }: PlannedRestore,
): Promise<Restored> {
  const { session } = fleet;
  const { epoch, sourceHash } = await info(session, member, budgetOf(60), "epoch", "sourceHash");
  const occasion: SnapshotReason = {
    ...{ reason: "restore", sourceHash },
    deploymentId: `restore-${snapshot.digest.slice(0, 12)}`,
  };
  const { taken: before, notKept } = await everything(fleet, member, occasion);
  const keep = (taken: ExportedSnapshot) => snapshotStore(session.scope).put(taken.snapshot, taken.text);
  await keep(before);
  const data = {
    ...{ state: parseJson(text), digest: snapshot.digest },
    ...(planned === undefined || planned.length === 0 ? {} : { reset: planned }),
  };
  const again = `npx fleet restore ${member.name} --digest ${snapshot.digest.slice(0, 12)}`;
  const message = { epoch, ...data };
  const { reset } = await importState(session, member, message, budgetOf(SECONDS)).catch(repeatedBy(again));
  // Older backups do not contain globals.
  const { globals } = StateSchema.parse(data.state);
  const whole = globals !== undefined;
  const names = Object.keys(globals ?? {});
  const readBack = (extent: Extent) =>
    exportState(session, member, occasion, budgetOf(SECONDS), { whole, ...extent }).catch(repeatedBy(again));
  const states = namesIn(text);
  const compared = async (extent: Extent) => {
    const taken = await readBack(extent);
    const isAlone = digestOf(taken.text, states) === snapshot.digest || !mayShare(taken.text, states);
    const alone = isAlone ? taken : await readBack({ ...extent, states: [...states] });
    return { taken, held: digestOf(alone.text, states) };
  };
  const declared = await compared({});
  // The backup may contain more, or fewer, globals than the running code declares.
  const isLast =
    declared.held === snapshot.digest ||
    names.length > MAX_GLOBALS ||
    declared.taken.snapshot.stateVersion !== snapshot.stateVersion;
  const { taken: after, held } = isLast ? declared : await compared({ globals: names });
  const { stateVersion } = after.snapshot;
  if (held === snapshot.digest || stateVersion !== snapshot.stateVersion) {
    await keep(after);
    return {
      equal: held === snapshot.digest,
      stateVersion,
      notDeclared: names.filter((name) => !declared.taken.carried.includes(name)),
      notNamed: whole ? before.carried.filter((name) => !names.includes(name)) : [],
      reset,
      left: [...namesIn(after.text)].filter((name) => !states.has(name) && !reset.includes(name)).sort(),
      before: before.snapshot,
      notKept,
    };
  }
  throw new FleetError({
    code: "STATE_DIFFERS",
    what: `${member.name} accepted the state, but now holds a different one.`,
    got: held,
    expected: snapshot.digest,
    remedy: `A message may have changed it in the meantime: check it. To restore the state again: ${again}. ${undoLine(member.name, { before: before.snapshot, notKept })}`,
  });
}

/** For `catch`: adds to an error the command that restores the same state again. Without the digest, it could choose another one. */
const repeatedBy =
  (again: string) =>
  (error: unknown): never => {
    if (!(error instanceof FleetError)) throw error;
    const [first, ...rest] = error.problems;
    const { transient, isLocal } = error;
    const remedy = `${first.remedy} To restore the state again: ${again}`;
    throw new FleetError([{ ...first, remedy }, ...rest], { cause: error, transient, isLocal });
  };

/** The state with undeclared globals that messages changed: an import may reset them, and undoing it needs them. */
async function everything(
  { session }: FleetSession,
  member: Member,
  occasion: SnapshotReason,
): Promise<{ taken: ExportedSnapshot; notKept: readonly string[] }> {
  const taken = await exportState(session, member, occasion, budgetOf(SECONDS));
  const { carried, left } = taken;
  if (left.length === 0) return { taken, notKept: [] };
  const globals = [...carried, ...left];
  if (globals.length > MAX_GLOBALS) return { taken, notKept: left };
  try {
    const extent = { globals, isSnapshot: true };
    return { taken: await exportState(session, member, occasion, budgetOf(SECONDS), extent), notKept: [] };
  } catch (error) {
    // An undeclared global may hold a value that cannot be exported.
    if (isUnsupported(error)) return { taken, notKept: left };
    throw error;
  }
}

/** A restored state, for reports. */
interface RestoredMember extends Omit<Restored, "before"> {
  readonly member: string;
  /** The restored state. */
  readonly digest: string;
  /** The state before it, which was saved, and what it contains. */
  readonly kept: string;
  readonly held: { readonly states: readonly string[]; readonly globals: readonly string[] };
}

/**
 * Restores saved states, one after another.
 *
 * @param note receives the lines about each as soon as it is restored
 * @throws as `restoreState`
 */
export async function restoreStates(
  fleet: FleetSession,
  wanted: readonly PlannedRestore[],
  note: (line: string) => void,
): Promise<RestoredMember[]> {
  const restored: RestoredMember[] = [];
  for (const one of wanted) {
    const { member, snapshot, text } = one;
    const done = await restoreState(fleet, one);
    const { before, ...more } = done;
    const held = { states: before.states ?? [], globals: before.globals ?? [] };
    restored.push({ member: member.name, digest: snapshot.digest, kept: before.digest, held, ...more });
    // Earlier versions did not record the contents of a snapshot.
    const contents = contentsOf(StateSchema.parse(parseJson(text)));
    for (const line of restoreLines(member.name, { ...snapshot, ...contents }, done)) note(line);
  }
  return restored;
}

/** How to undo the restore, and what that leaves out. Pure. */
function undoLine(name: string, { before, notKept }: Pick<Restored, "before" | "notKept">): string {
  const holds = contentsText({ states: before.states ?? [], globals: before.globals ?? [] });
  const lacks = notKept.length === 0 ? "" : `, without ${notKept.join(", ")}, which could not be saved`;
  return `To undo, restore the previous state (${holds}${lacks}): npx fleet restore ${name} --digest ${before.digest.slice(0, 12)}`;
}

/** The result as lines of text. Pure. */
export function restoreLines(name: string, snapshot: Snapshot, done: Restored): string[] {
  const { equal, stateVersion, notDeclared, notNamed, reset, left } = done;
  const holds = contentsText({ states: snapshot.states ?? [], globals: snapshot.globals ?? [] });
  const proof = equal ? "equal by digest" : `migrated to shape ${stateVersion}`;
  return [
    `${name}: restored state ${snapshot.digest.slice(0, 12)} of ${snapshot.takenAt}, ${holds}, ${proof}`,
    ...(notDeclared.length === 0
      ? []
      : [
          `  ${notDeclared.join(", ")}: restored, but not declared as state: hand-overs and later backups leave it out, and a load that assigns it resets it`,
        ]),
    ...(notNamed.length === 0
      ? []
      : [`  ${notNamed.join(", ")}: not in the backup: reset to the value at load, if the process knows it`]),
    ...(reset.length === 0 ? [] : [`  ${reset.join(", ")}: not in the backup: reset to the default`]),
    ...(left.length === 0
      ? []
      : [
          `  ${left.join(", ")}: not in the backup and not changed: the library's own, or no default is known`,
        ]),
    `  ${undoLine(name, done)}`,
  ];
}
