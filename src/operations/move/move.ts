/** Moves a fleet from one stack to another: `copying`, then `opening`, then `moved`, each written down before it begins. */

import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { newId } from "../../core/stamp.ts";
import {
  continueCommand,
  type MoveOptionsKept,
  type MoveRecord,
  moveCommand,
  readMove,
  sideOf,
  writeMove,
} from "../../fleet/move-record.ts";
import { giveUp, stackLocked } from "./failures.ts";
import { finishMove, type SettingsOfBoth, settingsOf } from "./finish.ts";
import { movedTo, type OpenMove, openMoves, setMoving } from "./moved-setting.ts";
import { copyStates, type MoveRun } from "./perform.ts";
import type { Sides } from "./plan.ts";

/** Where a move stands. */
type Standing =
  /** No state is final: it is planned, whether or not an earlier try was killed. */
  | {
      readonly kind: "to-plan";
      readonly id: string;
      readonly isContinued: boolean;
      /** What the killed move was told, if it continues. Absent if an earlier version began it. */
      readonly begun?: Pick<MoveRecord, "options" | "retires">;
    }
  /** Every state is equal, and the new processes may serve: it can only be finished. */
  | { readonly kind: "to-finish"; readonly record: MoveRecord };

/**
 * Where the move from one stack to the other stands, by this machine's record and the settings of both stacks. A killed move continues only
 * while both name it: whoever gives it up removes the setting.
 *
 * @throws FleetError STACK_MOVED, MOVE_UNFINISHED if another move has to end first
 */
export async function standingOf({ source, target }: Sides, projectDir: string): Promise<Standing> {
  const [record, back] = await Promise.all([source, target].map(({ session }) => readMove(session.scope)));
  if (back?.phase === "opening") throw unfinished(back);
  if (record?.phase === "opening") {
    if (record.to.stack !== target.stack) throw unfinished(record);
    return { kind: "to-finish", record };
  }
  const away = movedTo(projectDir, source.stack);
  if (away !== undefined) throw moved(source.stack, away);
  const isOwn = record?.phase === "copying" && record.to.stack === target.stack;
  const isThis = ({ from, to }: OpenMove) => from === source.stack && to === target.stack;
  const mine = openMoves(projectDir, source.stack);
  const other = [...mine, ...openMoves(projectDir, target.stack)].find((one) => !(isOwn && isThis(one)));
  if (other !== undefined) throw begun(other, await continueCommand(source.session.scope, other));
  return isOwn && mine.some(isThis)
    ? { kind: "to-plan", id: record.id, isContinued: true, begun: record }
    : { kind: "to-plan", id: newId("move", new Date(), 4), isContinued: false };
}

/**
 * Copies every state and compares it, then finishes.
 *
 * @param asked kept in the record, so that the move continues with it: `retires` is whether the old processes are retired at the end
 * @throws FleetError STACK_LOCKED, and as `copyStates` and `finishMove`
 */
export async function move(
  run: MoveRun,
  settings: SettingsOfBoth,
  { retires, options }: { readonly retires: boolean; readonly options: MoveOptionsKept },
): Promise<MoveRecord> {
  const { source, target, id, seconds } = run;
  const { scope } = source.session;
  const both = settingsOf(run, settings);
  const copying: MoveRecord = {
    version: 1,
    id,
    from: sideOf(source),
    to: sideOf(target),
    startedAt: new Date().toISOString(),
    phase: "copying",
    retires,
    options,
    members: [],
  };
  await writeMove(scope, copying);
  const members = await copyStates(run, {
    async begins() {
      await setMoving(both, true);
      // A deployment that read the settings before holds its stack by now.
      if (!(await run.isFree())) throw stackLocked(source.stack, target.stack);
    },
    async ended() {
      await setMoving(both, false);
      await writeMove(scope, { ...copying, phase: "failed" });
    },
  });
  const opening: MoveRecord = { ...copying, phase: "opening", members };
  await writeMove(scope, opening);
  crashPoint("move.copied");
  return finishMove(run, opening, settings, seconds);
}

const unfinished = ({ from, to, ...record }: MoveRecord): FleetError =>
  new FleetError({
    code: "MOVE_UNFINISHED",
    what: `The move from ${from.stack} to ${to.stack} has copied every state, but has not ended.`,
    expected: "one move at a time",
    remedy: `Finish it: ${moveCommand({ from: from.stack, to: to.stack }, record)}`,
  });

const begun = ({ from, to }: OpenMove, command: string): FleetError =>
  new FleetError({
    code: "MOVE_UNFINISHED",
    what: `A move from ${from} to ${to} has begun and has not ended.`,
    got: `movingTo and movingFrom in the settings of ${from} and ${to}`,
    expected: "one move at a time",
    remedy: `Continue it on the machine where it began: ${command}. If it was killed before its new processes served, it can be given up instead: ${giveUp(from, to)}.`,
  });

const moved = (stack: string, to: string): FleetError =>
  new FleetError({
    code: "STACK_MOVED",
    what: `The fleet of the stack ${stack} was moved to ${to}, and its processes there have served since.`,
    got: `movedTo: ${to} in Pulumi.${stack}.yaml`,
    expected: "a stack whose processes serve",
    remedy: `To move it back with its present state: npx fleet move --stack ${to} --to ${stack}`,
  });
