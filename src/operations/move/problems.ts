/** Why a fleet cannot be moved, and what a move leaves behind. Pure. */
import { amount } from "../../core/amount.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import { inCode, notCompared } from "../../fleet/code/refused-state.ts";
import type { InCode } from "../../fleet/snapshot/contents.ts";

/** The largest state in bytes that fits into one message (`MAX_STATE_BYTES` in src/runtime/fleet/state-actions.lua), with its envelope. */
export const MAX_STATE = 8 * 1024 * 1024 - 1024;

const NOTHING_MOVED = "Nothing was moved";
const at = (name: string): string => `processes.${name}`;

export const nothingDeployed = (stack: string): Problem => ({
  code: "NOTHING_DEPLOYED",
  what: `The stack ${stack} has no processes.`,
  expected: "the same fleet, deployed on both stacks",
  remedy: `npx pulumi up --stack ${stack}`,
});

export const rolloutOpen = (stack: string, names: readonly string[]): Problem => ({
  code: "ROLLOUT_OPEN",
  what: `Several revisions of one member have traffic in the stack ${stack}: their states are parts of one.`,
  got: names.join(", "),
  expected: "one process for each member",
  remedy: `Complete or abort the rollout: npx fleet status --stack ${stack} shows it.`,
});

export const unknownMember = (name: string, names: readonly string[]): Problem => ({
  code: "UNKNOWN_PROCESS",
  what: `"${name}" is not a member to move.`,
  got: name,
  expected: `one of ${names.join(", ")}`,
  remedy: "Fix the name.",
});

export const memberMissing = (name: string, stack: string): Problem => ({
  code: "MEMBER_MISSING",
  what: `The stack ${stack} has no ${name}.`,
  at: at(name),
  expected: "every member of the old fleet",
  remedy: `Deploy it: npx pulumi up --stack ${stack}`,
});

export const sameProcess = (name: string, processId: string): Problem => ({
  code: "SAME_PROCESS",
  what: `Both stacks have the same process for ${name}.`,
  at: at(name),
  got: processId,
  expected: "a process of its own in each stack",
  remedy: "Remove it from one of the two stacks.",
});

export const withoutLibrary = (name: string, stack: string): Problem => ({
  code: "STATE_NOT_CARRIED",
  what: `${name} runs without the fleet's library in the stack ${stack}, so its state cannot be moved.`,
  at: at(name),
  got: "lib: false",
  expected: "a member with the library on both stacks",
  remedy: `If the new process may start without the old one's state: --without-state ${name}`,
});

export const sourceStopped = (name: string, stack: string, status: string): Problem => ({
  code: "SOURCE_NOT_ACTIVE",
  what: `${name} of the stack ${stack} does not serve, and no move from this machine stopped it.`,
  at: at(name),
  got: status,
  expected: "ACTIVE",
  remedy: `If a move from another machine was killed, continue it there. To make it serve again: npx pulumi up --refresh --stack ${stack}`,
});

export const targetStopped = (name: string, stack: string, status: string): Problem => ({
  code: "TARGET_NOT_ACTIVE",
  what: `${name} of the stack ${stack} cannot take a state.`,
  at: at(name),
  got: status,
  expected: "ACTIVE or DRAINING",
  remedy: `Deploy it: npx pulumi up --refresh --stack ${stack}`,
});

export const oldLibrary = (name: string, stack: string): Problem => ({
  code: "STATE_NOT_KNOWN",
  what: `${name} of the stack ${stack} runs an earlier version of the library, which does not move globals.`,
  at: at(name),
  expected: "this version of the library on both stacks",
  remedy: `Deploy it: npx pulumi up --stack ${stack}`,
});

export const otherShape = (name: string, shapes: readonly [string, string]): Problem => ({
  code: "STATE_SHAPE_DIFFERS",
  what: `The two processes of ${name} have states of different shapes, so no digest could be compared.`,
  at: at(name),
  got: `the new process: ${shapes[1]}`,
  expected: `the old process': ${shapes[0]}`,
  remedy: "Deploy the same code on both stacks.",
});

export const tooLarge = (name: string, bytes: number): Problem => ({
  code: "STATE_TOO_LARGE",
  what: `The state of ${name} does not fit into one message.`,
  at: at(name),
  got: `${bytes} bytes`,
  expected: `at most ${MAX_STATE}`,
  remedy: "Remove what is no longer needed from it.",
});

/** State in the code: no export contains it. */
export const stateInCode = (name: string, found: Pick<InCode, "items" | "count">): Problem => ({
  ...inCode(name, found, NOTHING_MOVED).problems[0],
  remedy: `Move it there, and deploy it on both stacks. If it may be lost, as a cache: --accept-loss ${name}`,
});

export const globalsNotCompared = (name: string, globals: readonly string[]): Problem => ({
  ...notCompared(name, globals, NOTHING_MOVED).problems[0],
  remedy: `Deploy the same code on both stacks, or list the globals that messages change: state: { globals: [...] }. To move them all: --accept-loss ${name}`,
});

/** A warning: the plan names it, and continues. */
const warning = (code: string, name: string, what: string, got: string, remedy: string): Problem => ({
  code,
  what,
  at: at(name),
  got,
  remedy,
});

export const otherCode = (name: string, [old, now]: readonly [string, string]): Problem =>
  warning(
    "CODE_DIFFERS",
    name,
    `${name} runs different code on the two stacks.`,
    `${shortHash(old)} → ${shortHash(now)}`,
    "Deploy the same sources on both stacks, unless the difference is intended.",
  );

export const leftBehind = (name: string, globals: readonly string[]): Problem =>
  warning(
    "STATE_LEFT",
    name,
    `${name} has globals that messages changed and that its declaration does not list: they stay behind.`,
    globals.join(", "),
    "If they are state: list them in state: { globals: [...] }, and deploy it on both stacks.",
  );

export const modulesNotCompared = (name: string, modules: readonly string[]): Problem =>
  warning(
    "STATE_NOT_COMPARED",
    name,
    `${name} has modules that are too large to know whether messages changed them: such changes would stay behind.`,
    modules.join(", "),
    "Keep state in tables of fleet.state or in globals.",
  );

export const oldIds = (name: string, members: readonly string[]): Problem =>
  warning(
    "STATE_NAMES_OLD_IDS",
    name,
    `The state of ${name} contains ids of the old fleet's processes. They are moved unchanged.`,
    `ids of ${members.join(", ")}`,
    `If ${name} calls these ids: --without-state ${name}, or change them after the move.`,
  );

export const keepsAnswering = (name: string, stack: string): Problem =>
  warning(
    "OLD_PROCESS_SERVES",
    name,
    `${name} keeps answering in the stack ${stack}: nothing in it can refuse requests.`,
    "lib: false",
    "Tell its callers the new id.",
  );

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

export const moveStopped = (): FleetError =>
  new FleetError({
    code: "MOVE_STOPPED",
    what: "The move was interrupted.",
    remedy: "Move again when you are ready.",
  });

/** The same failure, with what became of the old processes. */
export function withOutcome(error: FleetError, stillStopped: readonly string[], stack: string): FleetError {
  const [first, ...rest] = error.problems;
  const outcome =
    stillStopped.length === 0
      ? "Nothing was moved: the old processes serve again."
      : `Nothing was moved, but ${amount(stillStopped.length, "old process", "old processes")} could not be resumed and ${stillStopped.length === 1 ? "refuses" : "refuse"} requests: ${stillStopped.join(", ")}. To resume them: npx pulumi up --refresh --stack ${stack}.`;
  return new FleetError([{ ...first, what: `${first.what} ${outcome}` }, ...rest], {
    cause: error,
    transient: error.transient,
  });
}
