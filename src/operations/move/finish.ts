/** The end of a move, after every state was read back equal: nothing here copies state, so it can be repeated at any time. */
import { join } from "node:path";
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { writeAtomically } from "../../fleet/files.ts";
import { type MovedMember, type MoveRecord, writeMove } from "../../fleet/move-record.ts";
import type { PulumiRunner, Workspace } from "../workspace/workspace.ts";
import type { SettingsOf } from "../workspace/write-setting.ts";
import { notServing, servesAgain } from "./failures.ts";
import { setMovedTo, setMoving } from "./moved-setting.ts";
import type { Sides } from "./plan.ts";
import { statusOf, turn } from "./turn.ts";

/** How to write the settings of the two stacks. */
export interface SettingsOfBoth {
  readonly host: PulumiRunner;
  readonly workspaces: { readonly source: Workspace; readonly target: Workspace };
}

/** The settings of the old stack and of the new one. */
export const settingsOf = (
  { source, target }: Sides,
  { host, workspaces }: SettingsOfBoth,
): readonly [SettingsOf, SettingsOf] => [
  { host, workspace: workspaces.source, stack: source.stack },
  { host, workspace: workspaces.target, stack: target.stack },
];

/** What callers of a moved fleet need, as a document: by member, the old process and the new one. */
interface NewIds {
  readonly movedAt: string | null;
  readonly from: MoveRecord["from"];
  readonly to: MoveRecord["to"];
  /** Whether the old processes were retired; else they refuse requests and keep their state. */
  readonly retired: boolean;
  readonly processes: Readonly<
    Record<string, { readonly from: string; readonly to: string; readonly state: string }>
  >;
}

/** Pure. */
export function newIdsOf({ movedAt, from, to, retires, members }: MoveRecord): NewIds {
  const processes = members.map(({ name, from: old, to: now, state, digest, slot, states, globals }) => [
    name,
    {
      ...{ from: old.processId, to: now.processId, state },
      ...(digest === undefined ? {} : { digest, slot, states, globals }),
    },
  ]);
  return { movedAt: movedAt ?? null, from, to, retired: retires, processes: Object.fromEntries(processes) };
}

/** `build/moved.<project>.<stack>.json`, by the old stack. */
export const newIdsPath = ({ source: { session } }: Pick<Sides, "source">): string =>
  join(session.scope.build, `moved.${session.scope.project}.${session.scope.stack}.json`);

/**
 * Makes the new processes serve, writes the new ids for the callers, and marks the old stack as moved. Retires the old processes if the
 * record says so. Also continues a move that was killed after every state was copied.
 *
 * @param record in phase `opening`
 * @throws FleetError MOVE_OVERTAKEN if an old process was resumed since: unless a new one serves already, the next move copies again;
 *   MOVE_NOT_RECORDED, STATUS_DIFFERS, and network errors: the same move continues
 */
export async function finishMove(
  sides: Sides,
  record: MoveRecord,
  settings: SettingsOfBoth,
  seconds: number,
): Promise<MoveRecord> {
  const both = settingsOf(sides, settings);
  // First: a deployment to the old stack would make its processes serve again.
  const resumed = await explained(async () => {
    await setMovedTo(both[0], sides.target.stack);
    return resumedIn(sides, record, seconds);
  });
  if (resumed !== undefined) {
    const { name, status, isOpened } = resumed;
    if (!isOpened) {
      await setMovedTo(both[0], undefined);
      await writeMove(sides.source.session.scope, { ...record, phase: "copying", members: [] });
    }
    throw servesAgain(name, status, sides.source.stack, isOpened);
  }
  return explained(() => finished(sides, record, both, seconds));
}

async function explained<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const [first, ...rest] = error.problems;
    const what = `${first.what} Every state was copied and is equal; the same command finishes the move.`;
    throw new FleetError([{ ...first, what }, ...rest], { cause: error, transient: error.transient });
  }
}

/** An old process that serves since it was copied, and whether a new one serves already, so that no state can be copied any more. */
async function resumedIn(
  { source, target }: Sides,
  { members }: MoveRecord,
  seconds: number,
): Promise<{ readonly name: string; readonly status: string; readonly isOpened: boolean } | undefined> {
  for (const { name, from, isDrained } of members) {
    if (!isDrained) continue;
    const status = await statusOf(source, { name, ...from }, seconds);
    if (status !== "ACTIVE") continue;
    let isOpened = false;
    for (const one of members)
      isOpened ||=
        one.isResumed && (await statusOf(target, { name: one.name, ...one.to }, seconds)) === "ACTIVE";
    return { name, status, isOpened };
  }
  return undefined;
}

async function finished(
  sides: Sides,
  record: MoveRecord,
  both: readonly [SettingsOf, SettingsOf],
  seconds: number,
): Promise<MoveRecord> {
  const { source, target } = sides;
  const by = { id: record.id, seconds };
  for (const { name, to, isResumed } of record.members)
    if (isResumed) await turn(target, { name, ...to }, "ACTIVE", by);
  crashPoint("move.opened");
  await setMovedTo(both[1], undefined);
  await setMoving(both, false);
  for (const { name, from, isDrained } of record.members)
    if (isDrained && record.retires) await turn(source, { name, ...from }, "RETIRED", by);
  const members = await lookedAt(sides, record.members, seconds);
  const moved: MoveRecord = { ...record, members, phase: "moved", movedAt: new Date().toISOString() };
  await writeAtomically(newIdsPath(sides), `${JSON.stringify(newIdsOf(moved), null, 2)}\n`);
  await writeMove(source.session.scope, moved);
  return moved;
}

/**
 * The members with the status that each old process has at the end.
 *
 * @throws FleetError MOVE_OVERTAKEN if an old process serves, or a new one does not
 */
async function lookedAt(
  { source, target }: Sides,
  members: readonly MovedMember[],
  seconds: number,
): Promise<MovedMember[]> {
  const looked: MovedMember[] = [];
  for (const member of members) {
    const { name, from, to, isDrained, isResumed } = member;
    const now = isResumed ? await statusOf(target, { name, ...to }, seconds) : "ACTIVE";
    if (now !== "ACTIVE") throw notServing(name, now, target.stack);
    const old = isDrained ? await statusOf(source, { name, ...from }, seconds) : undefined;
    if (old !== undefined && !REFUSING.includes(old)) throw servesAgain(name, old, source.stack, true);
    looked.push(old === undefined ? member : { ...member, status: old });
  }
  return looked;
}

/** Statuses of a process that refuses requests. */
const REFUSING: readonly string[] = ["DRAINING", "RETIRED"];
