/**
 * Moves the state of a fleet to another one. The old processes refuse requests from before their last export, and the new ones until every
 * state was read back equal: so no write is lost, and none is made on both sides.
 */
import { budgetOf } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import type { MovedMember } from "../../fleet/move-record.ts";
import { isEvaluated } from "../../fleet/protocol/ask.ts";
import { info } from "../../fleet/protocol/info.ts";
import { importState } from "../../fleet/protocol/state.ts";
import { statistics } from "../../fleet/protocol/statistics.ts";
import { isEmpty } from "../../fleet/snapshot/contents.ts";
import { givenUpText } from "../../fleet/snapshot/old-waits.ts";
import { snapshotStore } from "../../fleet/snapshot/store.ts";
import { untilClosed } from "../../fleet/snapshot/until-closed.ts";
import { type Carried, readCarried } from "./carried.ts";
import {
  callsOpen,
  moveStopped,
  notBegun,
  servesAgain,
  stateDiffers,
  targetResumed,
  withOutcome,
} from "./failures.ts";
import { callersFirst } from "./order.ts";
import type { Carries, MemberMove, MoveOptions, Sides } from "./plan.ts";
import { statusOf, tagsOf, turn } from "./turn.ts";

/** The most names of globals in one export. */
const MAX_GLOBALS = 1000;

/** A move that was planned without a problem. */
export interface MoveRun extends Sides, Pick<MoveOptions, "id" | "isContinued" | "seconds"> {
  readonly members: readonly MemberMove[];
  /** Whether the new processes serve if the move fails: false if their fleet itself was moved away, and the old one here is the newer. */
  readonly reopensTarget: boolean;
  /** Whether no deployment holds one of the two stacks. */
  isFree(): Promise<boolean>;
  /** Whether somebody asked the command to end. */
  isStopped(): boolean;
  /** Waits for a number of seconds. */
  pause(seconds: number): Promise<void>;
  note(line: string): void;
}

/** What surrounds the copies. */
interface Frame {
  /** Before any process is stopped. */
  begins(): Promise<void>;
  /** After a failure, once every old process serves again. */
  ended(): Promise<void>;
}

/** Members whose processes the move has stopped, in this run or in the killed one that it continues. */
interface Stopped {
  /** Without those that somebody else stopped: they stay so. */
  readonly sources: Set<string>;
  readonly targets: Set<string>;
}

/** Which ones a killed run had stopped is not known. */
function stoppedBefore({ members, isContinued }: MoveRun): Stopped {
  const names = (list: readonly MemberMove[]) => new Set(isContinued ? list.map(({ name }) => name) : []);
  return {
    sources: names(members.filter(({ drains }) => drains)),
    targets: names(members.filter(({ carries }) => carries !== undefined)),
  };
}

/**
 * Stops both sides, copies every state and reads it back. A failure makes the processes that the move stopped serve again. A run that is
 * killed leaves them stopped: the same move continues, because each of its steps can be repeated.
 *
 * @returns the members, whose new processes do not serve yet
 * @throws FleetError CALLS_OPEN, STATE_DIFFERS, STATUS_DIFFERS, MOVE_OVERTAKEN, MOVE_STOPPED, refusals of a process, and network errors
 */
export async function copyStates(run: MoveRun, { begins, ended }: Frame): Promise<MovedMember[]> {
  const replaced: string[] = [];
  const closed = stoppedBefore(run);
  try {
    await begins();
  } catch (error) {
    // A deployment may have stopped processes. A killed move stays as it is, so that the same move continues.
    const further = run.isContinued ? [] : await problemsOf(ended());
    if (!(error instanceof FleetError)) throw error;
    throw notBegun(error, run.isContinued, further);
  }
  try {
    await closeTargets(run, closed);
    await closeSources(run, closed);
    crashPoint("move.drained");
    const moved: MovedMember[] = [];
    for (const member of run.members) moved.push(await copied(run, member, replaced));
    await assertClosed(run);
    return moved;
  } catch (error) {
    const stopped = await reopen(run, closed);
    const further = stopped.sources.length > 0 ? [] : await problemsOf(ended());
    if (!(error instanceof FleetError)) throw error;
    throw withOutcome(error, { ...stopped, replaced, further }, [run.source.stack, run.target.stack]);
  }
}

const problemsOf = (done: Promise<void>): Promise<readonly Problem[]> =>
  done.then(
    () => [],
    (error: unknown) => {
      if (error instanceof FleetError) return error.problems;
      throw error;
    },
  );

function assertGoesOn({ isStopped }: MoveRun): void {
  if (isStopped()) throw moveStopped();
}

/** A new process that serves already could take writes that the import replaces. Saves what it holds. */
async function closeTargets(run: MoveRun, { targets }: Stopped): Promise<void> {
  const { target, seconds } = run;
  for (const { name, to, carries } of run.members) {
    if (carries === undefined) continue;
    assertGoesOn(run);
    // Also one that an earlier failed move left stopped: nobody else stops a process that does not serve yet.
    targets.add(name);
    await turn(target, to, "DRAINING", run);
    const replaced = { ...occasion(run, carries.targetHash), reason: "restore" as const };
    const held = await readCarried(target, to, replaced, false, budgetOf(seconds));
    await keep(target, held);
  }
}

/** Callers first, each until it has no open call. */
async function closeSources(run: MoveRun, { sources }: Stopped): Promise<void> {
  const { source, note } = run;
  for (const { name, from } of callersFirst(run.members.filter(({ drains }) => drains))) {
    assertGoesOn(run);
    await turn(source, from, "DRAINING", run, () => sources.add(name));
    await untilClosed({
      look: () => statistics(source.session, from, budgetOf(run.seconds)),
      open: ({ openCalls }) => openCalls,
      pause: run.pause,
      failure: (seconds) => callsOpen(name, seconds),
    });
    note(`${name}: refuses requests (DRAINING)`);
  }
}

/** The old process' state after the last handler that waits for a message has ended, or is old. */
async function lastExport(
  run: MoveRun,
  { name, from }: MemberMove,
  { sourceHash, hasRouter }: Carries,
): Promise<Carried> {
  const saved = { ...occasion(run, sourceHash), reason: "backup" as const };
  const given = await untilClosed({
    look: () => readCarried(run.source, from, saved, hasRouter, budgetOf(run.seconds)),
    open: ({ exported }) => exported.waiting,
    pause: run.pause,
    failure: (seconds) => callsOpen(name, seconds),
  });
  const givenUp = givenUpText(given.exported.old);
  if (givenUp !== "") run.note(`${name}${givenUp}`);
  return given;
}

/** @param replaced receives the member's name if its new process imported a state, or may have */
async function copied(run: MoveRun, member: MemberMove, replaced: string[]): Promise<MovedMember> {
  const { name, from, to, drains, carries, own } = member;
  const place = ({ processId, generation }: ProcessRef) => ({ processId, generation });
  // A new process that keeps its own state may be one that an earlier move stopped.
  const isResumed = own !== "ledger" && !runsWithoutLibrary(to);
  const base = { name, from: place(from), to: place(to), isDrained: drains, isResumed };
  if (carries === undefined) return { ...base, state: "own", states: [], globals: [] };
  assertGoesOn(run);
  const given = await lastExport(run, member, carries);
  await keep(run.source, given);
  const held = await imported(run, to, carries, given, () => replaced.push(name));
  if (held.digest !== given.digest) throw stateDiffers(name, [given.digest, held.digest]);
  const { slot } = given.exported.snapshot;
  // Equal digests of nothing prove nothing.
  if (isEmpty(given.contents)) return { ...base, state: "empty", states: [], globals: [] };
  run.note(`${name}: state of slot ${slot} is equal on both sides, ${given.bytes} bytes`);
  return { ...base, state: "equal", digest: given.digest, slot, ...given.contents };
}

/** Imports a state into the new process unless it holds it, and reads back what it holds then. */
async function imported(
  run: MoveRun,
  to: ProcessRef,
  carries: Carries,
  given: Carried,
  replaces: () => void,
): Promise<Carried> {
  const { target, seconds } = run;
  const look = () => readBack(run, to, carries, given);
  const before = await look();
  if (before.digest === given.digest) return before;
  const budget = budgetOf(seconds);
  const { epoch } = await info(target.session, to, budget, "status", "epoch");
  const { state, digest } = given;
  const message = { epoch, state, digest, tags: tagsOf(run.id) };
  await importState(target.session, to, message, budget).catch((error: unknown) => {
    if (!isEvaluated(error)) replaces();
    throw error;
  });
  replaces();
  return look();
}

/** The new process' state: what its own code exports, or, if that differs, exactly the globals that were sent. */
async function readBack(
  run: MoveRun,
  to: ProcessRef,
  { targetHash, hasRouter }: Carries,
  { digest, exported: { carried } }: Carried,
): Promise<Carried> {
  const read = (globals?: readonly string[]) =>
    readCarried(run.target, to, occasion(run, targetHash), hasRouter, budgetOf(run.seconds), globals);
  const declared = await read();
  const isNamed = carried.length > 0 && carried.length <= MAX_GLOBALS;
  return declared.digest === digest || !isNamed ? declared : read(carried);
}

/** Another run may have resumed a process of either side: then it has taken writes since its export or its import. */
async function assertClosed({ source, target, members, seconds }: MoveRun): Promise<void> {
  for (const { name, from, to, drains, carries } of members) {
    const old = drains ? await statusOf(source, from, seconds) : "DRAINING";
    if (old !== "DRAINING") throw servesAgain(name, old, source.stack, false);
    const now = carries === undefined ? "DRAINING" : await statusOf(target, to, seconds);
    if (now !== "DRAINING") throw targetResumed(name, now, target.stack);
  }
}

/**
 * Makes stopped processes serve again: the old ones, and the new ones once all old ones serve, so that the same move can continue otherwise.
 *
 * @returns names of members whose old or new process still refuses requests
 */
async function reopen(
  run: MoveRun,
  closed: Stopped,
): Promise<{ readonly sources: string[]; readonly targets: string[] }> {
  const { source, target, members, reopensTarget } = run;
  const [sources, targets]: [string[], string[]] = [[], []];
  for (const { name, from } of members)
    if (closed.sources.has(name)) await turn(source, from, "ACTIVE", run).catch(() => sources.push(name));
  if (!reopensTarget) return { sources, targets };
  for (const { name, to } of members) {
    if (!closed.targets.has(name)) continue;
    if (sources.length > 0) targets.push(name);
    else await turn(target, to, "ACTIVE", run).catch(() => targets.push(name));
  }
  return { sources, targets };
}

const occasion = ({ id }: MoveRun, sourceHash: string) => ({ id, sourceHash });

const keep = ({ session }: FleetSession, { exported: { snapshot, text } }: Carried): Promise<void> =>
  snapshotStore(session.scope).put(snapshot, text);
