import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import { importState } from "../../fleet/protocol/state.ts";
import { contentsWords, StateSchema } from "../../fleet/snapshot/contents.ts";
import { type Snapshot, snapshotStore } from "../../fleet/snapshot/store.ts";
import { exportState, type Occasion, type Taken } from "../../fleet/snapshot/take.ts";

/** What became of a kept state that was put back. */
interface PutBack {
  /** Whether everything that it names was read back as it was kept; false where it was migrated up. */
  readonly equal: boolean;
  /** The shape that the process has now. */
  readonly stateVersion: string;
  /** Globals in it that the code which runs does not declare: exports and later loads leave them out. */
  readonly notDeclared: readonly string[];
  /** Globals of before that it does not name. */
  readonly notNamed: readonly string[];
  /** What the process held before. */
  readonly before: Snapshot;
  /** Globals that messages had changed and that could not be kept. */
  readonly notKept: readonly string[];
}

/** Names that one export may ask for. */
const MOST = 1000;

/**
 * Puts a kept state back, after it has kept the state of now, and reads it back: what the state names is compared, whatever the code that
 * runs declares.
 *
 * @throws FleetError STATE_DIFFERS, and what the process answers (FORBIDDEN, BAD_STATE, NO_MIGRATION, …)
 */
export async function putBack(
  fleet: FleetSession,
  member: Member,
  snapshot: Snapshot,
  text: string,
): Promise<PutBack> {
  const { session } = fleet;
  const budget = budgetOf(120);
  const { epoch, sourceHash } = await info(session, member, budgetOf(60), "epoch", "sourceHash");
  const occasion: Occasion = {
    ...{ reason: "restore", sourceHash },
    deploymentId: `restore-${snapshot.digest.slice(0, 12)}`,
  };
  const { taken: before, notKept } = await everything(fleet, member, occasion, budget);
  const keep = (taken: Taken) => snapshotStore(session.scope).put(taken.snapshot, taken.text);
  await keep(before);
  const data = { state: parseJson(text), digest: snapshot.digest };
  await importState(session, member, { epoch, ...data }, budget);
  // One from before globals were carried says nothing of them.
  const { globals } = StateSchema.parse(data.state);
  const whole = globals !== undefined;
  const names = Object.keys(globals ?? {});
  const declared = await exportState(session, member, occasion, budget, { whole });
  const isSame = ({ snapshot: { digest } }: Taken) => digest === snapshot.digest;
  // It may name more, or less, than the code that runs declares.
  const after =
    isSame(declared) || names.length > MOST || declared.snapshot.stateVersion !== snapshot.stateVersion
      ? declared
      : await exportState(session, member, occasion, budget, { whole, globals: names });
  await keep(after);
  const { stateVersion } = after.snapshot;
  if (isSame(after) || stateVersion !== snapshot.stateVersion)
    return {
      equal: isSame(after),
      stateVersion,
      notDeclared: names.filter((name) => !declared.carried.includes(name)),
      notNamed: whole ? before.carried.filter((name) => !names.includes(name)) : [],
      before: before.snapshot,
      notKept,
    };
  throw new FleetError({
    code: "STATE_DIFFERS",
    what: `${member.name} took the state, but does not hold what was kept.`,
    got: after.snapshot.digest,
    expected: snapshot.digest,
    remedy: `A message may have changed it meanwhile: look at it, then run the command again. ${wayBack(member.name, { before: before.snapshot, notKept })}`,
  });
}

/** Also what messages changed and the declaration does not name: an import may reset it, and the way back is to have it. */
async function everything(
  { session }: FleetSession,
  member: Member,
  occasion: Occasion,
  budget: Budget,
): Promise<{ taken: Taken; notKept: readonly string[] }> {
  const taken = await exportState(session, member, occasion, budget);
  const { carried, left } = taken;
  if (left.length === 0) return { taken, notKept: [] };
  const globals = [...carried, ...left];
  if (globals.length > MOST) return { taken, notKept: left };
  try {
    return { taken: await exportState(session, member, occasion, budget, { globals }), notKept: [] };
  } catch (error) {
    // What is not declared may be nothing that can be written down.
    if (error instanceof FleetError && error.code === "EXPORT_UNSUPPORTED") return { taken, notKept: left };
    throw error;
  }
}

/** How to undo it, and what that does not bring back. Pure. */
function wayBack(name: string, { before, notKept }: Pick<PutBack, "before" | "notKept">): string {
  const holds = contentsWords({ states: before.states ?? [], globals: before.globals ?? [] });
  const lacks = notKept.length === 0 ? "" : `, without ${notKept.join(", ")}, which could not be kept`;
  return `What it held before (${holds}${lacks}): npx fleet restore ${name} --digest ${before.digest.slice(0, 12)}`;
}

/** What was done, line by line. Pure. */
export function putBackLines(name: string, snapshot: Snapshot, done: PutBack): string[] {
  const { equal, stateVersion, notDeclared, notNamed } = done;
  const holds = contentsWords({ states: snapshot.states ?? [], globals: snapshot.globals ?? [] });
  const proof = equal ? "equal by digest" : `migrated to shape ${stateVersion}`;
  return [
    `${name}: state ${snapshot.digest.slice(0, 12)} of ${snapshot.takenAt} is back, ${holds}, ${proof}`,
    ...(notDeclared.length === 0
      ? []
      : [
          `  ${notDeclared.join(", ")}: back too, but not in the declaration's state: hand-overs and later backups leave it out, and a load that assigns it lets it go`,
        ]),
    ...(notNamed.length === 0
      ? []
      : [
          `  ${notNamed.join(", ")}: not in that state; as the code loads it, where the process knows that value`,
        ]),
    `  ${wayBack(name, done)}`,
  ];
}
