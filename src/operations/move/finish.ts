/** The end of a move, after every state was read back equal: nothing here copies state, so it can be repeated at any time. */
import { join } from "node:path";
import { budgetOf } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { writeAtomically } from "../../fleet/files.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { info } from "../../fleet/protocol/info.ts";
import type { PulumiRunner, Workspace } from "../workspace/workspace.ts";
import type { SettingsOf } from "../workspace/write-setting.ts";
import { setMovedTo } from "./moved-setting.ts";
import { turn } from "./perform.ts";
import type { Sides } from "./plan.ts";
import { servesAgain } from "./problems.ts";
import { type MovedMember, type MoveRecord, writeMove } from "./record.ts";

/** How to write the settings of the two stacks. */
export interface SettingsOfBoth {
  readonly host: PulumiRunner;
  readonly workspaces: { readonly source: Workspace; readonly target: Workspace };
}

const sourceOf = ({ source: { stack } }: Sides, { host, workspaces }: SettingsOfBoth): SettingsOf => ({
  host,
  workspace: workspaces.source,
  stack,
});

/** What callers of a moved fleet need, as a document: by member, the old process and the new one. */
export interface NewIds {
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
 * Continues a move that was killed after every state was copied.
 *
 * @param record in phase `opening`
 * @throws FleetError MOVE_OVERTAKEN if an old process was resumed since: unless a new one serves already, the next move copies again
 */
export async function continueMove(
  sides: Sides,
  record: MoveRecord,
  settings: SettingsOfBoth,
  seconds: number,
): Promise<MoveRecord> {
  const { source, target } = sides;
  const isActive = async ({ session }: FleetSession, name: string, place: MovedMember["from"]) =>
    (await info(session, { name, ...place }, budgetOf(seconds), "status")).status === "ACTIVE";
  for (const { name, from, isDrained } of record.members) {
    if (!isDrained || !(await isActive(source, name, from))) continue;
    let isOpened = false;
    for (const one of record.members)
      isOpened ||= one.isResumed && (await isActive(target, one.name, one.to));
    if (!isOpened) {
      await setMovedTo(sourceOf(sides, settings), undefined);
      await writeMove(source.session.scope, { ...record, phase: "copying", members: [] });
    }
    throw servesAgain(name, "ACTIVE", source.stack, isOpened);
  }
  return finishMove(sides, record, settings, seconds);
}

/**
 * Makes the new processes serve, writes the new ids for the callers, and marks the old stack as moved. Retires the old processes if the
 * record says so.
 *
 * @param record in phase `opening`
 * @throws FleetError MOVE_NOT_RECORDED, and network errors: the same move continues
 */
export async function finishMove(
  sides: Sides,
  record: MoveRecord,
  settings: SettingsOfBoth,
  seconds: number,
): Promise<MoveRecord> {
  try {
    return await finished(sides, record, settings, seconds);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const [first, ...rest] = error.problems;
    const what = `${first.what} Every state was copied and is equal; the same command finishes the move.`;
    throw new FleetError([{ ...first, what }, ...rest], { cause: error, transient: error.transient });
  }
}

async function finished(
  sides: Sides,
  record: MoveRecord,
  settings: SettingsOfBoth,
  seconds: number,
): Promise<MoveRecord> {
  const { source, target } = sides;
  // First: a deployment to the old stack would make its processes serve again.
  await setMovedTo(sourceOf(sides, settings), target.stack);
  for (const { name, to, isResumed } of record.members)
    if (isResumed) await turn(target, { name, ...to }, "ACTIVE", seconds);
  crashPoint("move.opened");
  const { host, workspaces } = settings;
  await setMovedTo({ host, workspace: workspaces.target, stack: target.stack }, undefined);
  for (const { name, from, isDrained } of record.members)
    if (isDrained && record.retires) await turn(source, { name, ...from }, "RETIRED", seconds);
  const moved: MoveRecord = { ...record, phase: "moved", movedAt: new Date().toISOString() };
  await writeAtomically(newIdsPath(sides), `${JSON.stringify(newIdsOf(moved), null, 2)}\n`);
  await writeMove(source.session.scope, moved);
  return moved;
}
