/**
 * Moves the state of a fleet to another one. The old processes refuse requests from before their last export, and the new ones until every
 * state was read back equal: so no write is lost, and none is made on both sides.
 */
import { budgetOf } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import { info } from "../../fleet/protocol/info.ts";
import { drain, importState, resume, retire } from "../../fleet/protocol/state.ts";
import { statistics } from "../../fleet/protocol/statistics.ts";
import { isEmpty } from "../../fleet/snapshot/contents.ts";
import { snapshotStore } from "../../fleet/snapshot/store.ts";
import { type Carried, readCarried } from "./carried.ts";
import { callersFirst } from "./order.ts";
import type { Carries, MemberMove, MoveOptions, Sides } from "./plan.ts";
import { callsOpen, moveStopped, servesAgain, stateDiffers, withOutcome } from "./problems.ts";
import type { MovedMember } from "./record.ts";

/** Seconds that the open calls of an old process may take. */
const OPEN_CALLS_SECONDS = 30;
/** Seconds between two looks. */
const POLL_SECONDS = 0.2;
/** The most names of globals in one export. */
const MAX_GLOBALS = 1000;

/** A move that was planned without a problem. */
export interface MoveRun extends Sides, Pick<MoveOptions, "id" | "seconds"> {
  readonly members: readonly MemberMove[];
  /** Whether the new processes serve if the move fails: false if their fleet itself was moved away, and the old one here is the newer. */
  readonly reopensTarget: boolean;
  /** Whether somebody asked the command to end. */
  isStopped(): boolean;
  /** Waits for a number of seconds. */
  pause(seconds: number): Promise<void>;
  note(line: string): void;
}

type Turned = "ACTIVE" | "DRAINING" | "RETIRED";
const TURN = { ACTIVE: resume, DRAINING: drain, RETIRED: retire } as const;

/** Brings a process into a status, unless it is there. Uses its own epoch, so a deployment that runs at the same time takes precedence. */
export async function turn(
  { session }: Pick<FleetSession, "session">,
  place: ProcessRef,
  to: Turned,
  seconds: number,
): Promise<void> {
  const budget = budgetOf(seconds);
  const { status, epoch } = await info(session, place, budget, "status", "epoch");
  if (status !== to) await TURN[to](session, place, epoch, budget);
}

/**
 * Stops both sides, copies every state and reads it back. A failure makes the old processes serve again. A run that is killed leaves them
 * stopped: the same move continues, because each of its steps can be repeated.
 *
 * @returns the members, whose new processes do not serve yet
 * @throws FleetError CALLS_OPEN, STATE_DIFFERS, MOVE_OVERTAKEN, MOVE_STOPPED, refusals of a process, and network errors
 */
export async function copyStates(run: MoveRun): Promise<MovedMember[]> {
  try {
    await closeTargets(run);
    await closeSources(run);
    crashPoint("move.drained");
    const moved: MovedMember[] = [];
    for (const member of run.members) moved.push(await copied(run, member));
    await assertClosed(run);
    return moved;
  } catch (error) {
    const left = await reopen(run);
    if (error instanceof FleetError) throw withOutcome(error, left, run.source.stack);
    throw error;
  }
}

function assertGoesOn({ isStopped }: MoveRun): void {
  if (isStopped()) throw moveStopped();
}

/** A new process that serves already could take writes that the import replaces. Saves what it holds. */
async function closeTargets(run: MoveRun): Promise<void> {
  const { target, seconds } = run;
  for (const { to, carries } of run.members) {
    if (carries === undefined) continue;
    assertGoesOn(run);
    await turn(target, to, "DRAINING", seconds);
    const held = await readCarried(target, to, occasion(run, carries.targetHash), false, budgetOf(seconds));
    await keep(target, held);
  }
}

/** Callers first, each until it has no open call. */
async function closeSources(run: MoveRun): Promise<void> {
  const { source, seconds, note } = run;
  for (const { name, from } of callersFirst(run.members.filter(({ drains }) => drains))) {
    assertGoesOn(run);
    await turn(source, from, "DRAINING", seconds);
    await callsClosed(run, from);
    note(`${name}: refuses requests (DRAINING)`);
  }
}

async function callsClosed(run: MoveRun, from: ProcessRef): Promise<void> {
  const wait = budgetOf(OPEN_CALLS_SECONDS);
  for (;;) {
    const { openCalls } = await statistics(run.source.session, from, budgetOf(run.seconds));
    if (openCalls === 0) return;
    if (wait.remaining() === 0) throw callsOpen(from.name, OPEN_CALLS_SECONDS);
    await run.pause(POLL_SECONDS);
  }
}

/** The old process' state after the last handler that waits for a message has ended. */
async function lastExport(
  run: MoveRun,
  { name, from }: MemberMove,
  { sourceHash, hasRouter }: Carries,
): Promise<Carried> {
  const wait = budgetOf(OPEN_CALLS_SECONDS);
  for (;;) {
    const budget = budgetOf(run.seconds);
    const given = await readCarried(run.source, from, occasion(run, sourceHash), hasRouter, budget);
    if (given.exported.waiting === 0) return given;
    if (wait.remaining() === 0) throw callsOpen(name, OPEN_CALLS_SECONDS);
    await run.pause(POLL_SECONDS);
  }
}

async function copied(run: MoveRun, member: MemberMove): Promise<MovedMember> {
  const { name, from, to, drains, carries, own } = member;
  const place = ({ processId, generation }: ProcessRef) => ({ processId, generation });
  // A new process that keeps its own state may be one that an earlier move stopped.
  const isResumed = own !== "ledger" && !runsWithoutLibrary(to);
  const base = { name, from: place(from), to: place(to), isDrained: drains, isResumed };
  if (carries === undefined) return { ...base, state: "own", states: [], globals: [] };
  assertGoesOn(run);
  const given = await lastExport(run, member, carries);
  await keep(run.source, given);
  const held = await imported(run, to, carries, given);
  if (held.digest !== given.digest) throw stateDiffers(name, [given.digest, held.digest]);
  const { slot } = given.exported.snapshot;
  // Equal digests of nothing prove nothing.
  if (isEmpty(given.contents)) return { ...base, state: "empty", states: [], globals: [] };
  run.note(`${name}: state of slot ${slot} is equal on both sides, ${given.bytes} bytes`);
  return { ...base, state: "equal", digest: given.digest, slot, ...given.contents };
}

/** Imports a state into the new process unless it holds it, and reads back what it holds then. */
async function imported(run: MoveRun, to: ProcessRef, carries: Carries, given: Carried): Promise<Carried> {
  const { target, seconds } = run;
  const look = () => readBack(run, to, carries, given);
  const before = await look();
  if (before.digest === given.digest) return before;
  const budget = budgetOf(seconds);
  const { epoch } = await info(target.session, to, budget, "status", "epoch");
  await importState(target.session, to, { epoch, state: given.state, digest: given.digest }, budget);
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

/** Another run may have resumed an old process: then it has taken writes since its export. */
async function assertClosed({ source, members, seconds }: MoveRun): Promise<void> {
  for (const { name, from, drains } of members) {
    if (!drains) continue;
    const { status } = await info(source.session, from, budgetOf(seconds), "status");
    if (status !== "DRAINING") throw servesAgain(name, status, source.stack, false);
  }
}

/** Makes the processes serve again. @returns names of members whose old process could not be resumed */
async function reopen({ source, target, members, seconds, reopensTarget }: MoveRun): Promise<string[]> {
  const left: string[] = [];
  for (const { name, from, drains } of members)
    if (drains) await turn(source, from, "ACTIVE", seconds).catch(() => left.push(name));
  for (const { to, carries } of members)
    if (carries !== undefined && reopensTarget) await turn(target, to, "ACTIVE", seconds).catch(() => {});
  return left;
}

const occasion = ({ id }: MoveRun, sourceHash: string) => ({ id, sourceHash });

const keep = ({ session }: FleetSession, { exported: { snapshot, text } }: Carried): Promise<void> =>
  snapshotStore(session.scope).put(snapshot, text);
