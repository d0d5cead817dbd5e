/** Moves a fleet from one stack to another: `copying`, then `opening`, then `moved`, each written down before it begins. */
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { finishMove, type SettingsOfBoth } from "./finish.ts";
import { copyStates, type MoveRun } from "./perform.ts";
import type { Sides } from "./plan.ts";
import { type MoveRecord, readMove, sideOf, writeMove } from "./record.ts";

/** Where a move stands. */
export type Standing =
  /** No state is final: it is planned, whether or not an earlier try was killed. */
  | { readonly kind: "to-plan"; readonly id: string; readonly isContinued: boolean }
  /** Every state is equal, and the new processes may serve: it can only be finished. */
  | { readonly kind: "to-finish"; readonly record: MoveRecord };

/**
 * Where the move from one stack to the other stands.
 *
 * @param movedTo the stack that the old one's settings name
 * @throws FleetError STACK_MOVED, MOVE_UNFINISHED if another move has to end first
 */
export async function standingOf({ source, target }: Sides, movedTo: string | undefined): Promise<Standing> {
  const [record, back] = await Promise.all([source, target].map(({ session }) => readMove(session.scope)));
  if (back?.phase === "opening") throw unfinished(back);
  if (record?.phase === "opening") {
    if (record.to.stack !== target.stack) throw unfinished(record);
    return { kind: "to-finish", record };
  }
  if (movedTo !== undefined) throw moved(source.stack, movedTo);
  const isContinued = record?.phase === "copying" && record.to.stack === target.stack;
  return isContinued
    ? { kind: "to-plan", id: record.id, isContinued }
    : { kind: "to-plan", id: newMoveId(new Date()), isContinued: false };
}

const newMoveId = (now: Date): string => `move-${now.toISOString().replace(/[-:]|\..*/g, "")}`;

/**
 * Copies every state and compares it, then finishes.
 *
 * @param retires whether the old processes are retired at the end
 * @throws FleetError as `copyStates` and `finishMove`
 */
export async function move(run: MoveRun, settings: SettingsOfBoth, retires: boolean): Promise<MoveRecord> {
  const { source, target, id, seconds } = run;
  const { scope } = source.session;
  const copying: MoveRecord = {
    version: 1,
    id,
    from: sideOf(source),
    to: sideOf(target),
    startedAt: new Date().toISOString(),
    phase: "copying",
    retires,
    members: [],
  };
  await writeMove(scope, copying);
  const opening: MoveRecord = { ...copying, phase: "opening", members: await copyStates(run) };
  await writeMove(scope, opening);
  crashPoint("move.copied");
  return finishMove(run, opening, settings, seconds);
}

const unfinished = ({ from, to }: MoveRecord): FleetError =>
  new FleetError({
    code: "MOVE_UNFINISHED",
    what: `The move from ${from.stack} to ${to.stack} has copied every state, but has not ended.`,
    expected: "one move at a time",
    remedy: `Finish it: npx fleet move --stack ${from.stack} --to ${to.stack}`,
  });

const moved = (stack: string, to: string): FleetError =>
  new FleetError({
    code: "STACK_MOVED",
    what: `The fleet of the stack ${stack} was moved to ${to}, and its processes there have served since.`,
    got: `movedTo: ${to} in Pulumi.${stack}.yaml`,
    expected: "a stack whose processes serve",
    remedy: `To move it back with its present state: npx fleet move --stack ${to} --to ${stack}`,
  });
