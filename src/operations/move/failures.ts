/** How a move fails after its plan, and what it leaves behind then. Pure. */
import { amount } from "../../core/amount.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { at } from "./problems.ts";

export const callsOpen = (name: string, seconds: number): FleetError =>
  new FleetError({
    code: "CALLS_OPEN",
    what: `${name} still waits for replies from other processes after ${seconds} s.`,
    at: at(name),
    got: "open calls, or handlers in Receive",
    expected: "none, so that its state no longer changes",
    remedy: `npx fleet logs ${name} shows what it waits for. Then move again.`,
  });

export const stateDiffers = (name: string, digests: readonly [string, string]): FleetError =>
  new FleetError({
    code: "STATE_DIFFERS",
    what: `The new process of ${name} accepted the state, but now holds a different one.`,
    at: at(name),
    got: digests[1],
    expected: digests[0],
    remedy: `Check npx fleet logs ${name} on both stacks, then move again.`,
  });

/** @param isOpened whether a new process may have taken writes, too */
export const servesAgain = (name: string, status: string, stack: string, isOpened: boolean): FleetError =>
  new FleetError({
    code: "MOVE_OVERTAKEN",
    what: `The old process of ${name} accepts requests again: another run changed it while the fleet was moved.`,
    at: at(name),
    got: status,
    expected: "DRAINING",
    remedy: isOpened
      ? `New processes serve already, so writes to this one since then stay behind. Stop it, then move again: npx fleet call ${name} DRAIN --control --stack ${stack}`
      : "Wait for that run to end, then move again.",
  });

export const statusDiffers = (name: string, wanted: string, status: string): FleetError =>
  new FleetError({
    code: "STATUS_DIFFERS",
    what: `${name} answered as asked, but its status is another one.`,
    at: at(name),
    got: status,
    expected: wanted,
    remedy: `Another run may have changed it: npx fleet logs ${name} shows every change of status. Then move again.`,
  });

export const targetResumed = (name: string, status: string, stack: string): FleetError =>
  new FleetError({
    code: "MOVE_OVERTAKEN",
    what: `Another run changed the new process of ${name} while the fleet was moved, so it may have taken writes.`,
    at: at(name),
    got: status,
    expected: "DRAINING",
    remedy: `Wait until no run deploys to ${stack}, then move again.`,
  });

export const notServing = (name: string, status: string, stack: string): FleetError =>
  new FleetError({
    code: "MOVE_OVERTAKEN",
    what: `Another run changed the new process of ${name} at the end of the move: it does not serve in the stack ${stack}.`,
    at: at(name),
    got: status,
    expected: "ACTIVE",
    remedy: "Wait for that run to end, then move again.",
  });

export const stackLocked = (source: string, target: string): FleetError =>
  new FleetError({
    code: "STACK_LOCKED",
    what: `A deployment began in ${source} or ${target} before the move did.`,
    expected: "two stacks that no run holds",
    remedy: "Wait for it to end, then move again.",
  });

export const moveStopped = (): FleetError =>
  new FleetError({
    code: "MOVE_STOPPED",
    what: "The move was interrupted.",
    remedy: "Move again when you are ready.",
  });

/** The same failure of a move that stopped no process. @param isContinued whether a killed run of it may have stopped some */
export function notBegun(error: FleetError, isContinued: boolean, further: readonly Problem[]): FleetError {
  const [first, ...rest] = error.problems;
  const outcome = isContinued
    ? "The processes are as the killed move left them; the same command continues it."
    : "The move stopped no process.";
  return new FleetError([{ ...first, what: `${first.what} ${outcome}` }, ...rest, ...further], {
    cause: error,
    transient: error.transient,
  });
}

/** What a failed move left behind: names of members, and what else went wrong. */
interface Outcome {
  /** Whose old process could not be resumed. */
  readonly sources: readonly string[];
  /** Whose new process was not resumed. */
  readonly targets: readonly string[];
  /** Whose new process imported a state, or may have. */
  readonly replaced: readonly string[];
  readonly further: readonly Problem[];
}

/** The same failure, with what became of the processes of both stacks. */
export function withOutcome(
  error: FleetError,
  { sources, targets, replaced, further }: Outcome,
  [source, target]: readonly [string, string],
): FleetError {
  const [first, ...rest] = error.problems;
  const refuse = (names: readonly string[]) => `refuse${names.length === 1 ? "s" : ""} requests`;
  const outcome = [
    sources.length === 0
      ? `${replaced.length === 0 ? `Nothing was moved: the` : "The"} old processes serve again.`
      : `${amount(sources.length, "old process", "old processes")} could not be resumed and ${refuse(sources)}: ${sources.join(", ")}. The same command continues the move. To give it up: ${giveUp(source, target)}.`,
    ...(replaced.length === 0
      ? []
      : [
          `The new ${replaced.length === 1 ? "process" : "processes"} of ${replaced.join(", ")} may hold the copied state; what was there before is saved: npx fleet restore ${replaced[0]} --list --stack ${target}.`,
        ]),
    ...(targets.length === 0
      ? []
      : [
          `${amount(targets.length, "new process", "new processes")} of ${target} still ${refuse(targets)}: ${targets.join(", ")}.`,
        ]),
  ];
  const what = [first.what, ...outcome].join(" ");
  return new FleetError([{ ...first, what }, ...rest, ...further], {
    cause: error,
    transient: error.transient,
  });
}

/** The commands that end a move which was killed, so that the old fleet serves. */
export const giveUp = (source: string, target: string): string =>
  `npx pulumi config rm movingTo --stack ${source}, npx pulumi config rm movingFrom --stack ${target}, then npx pulumi up --refresh --stack ${source}`;
