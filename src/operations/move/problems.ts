/** Why a fleet cannot be moved, and what a move leaves behind: what the plan says. Pure. */
import type { Problem } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import { inCode, notCompared } from "../../fleet/code/refused-state.ts";
import type { InCode } from "../../fleet/snapshot/contents.ts";

/** The largest state in bytes that an earlier library takes, in one message (`MAX_STATE_BYTES` in src/runtime/fleet/state-actions.lua), with its envelope. */
export const MAX_STATE = 8 * 1024 * 1024 - 1024;

const NOTHING_MOVED = "Nothing was moved";
export const at = (name: string): string => `processes.${name}`;

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

/** A killed move leaves its new processes stopped; this one was resumed since, or another machine completed the move. */
export const targetServes = (name: string, source: string, target: string): Problem => ({
  code: "TARGET_SERVES",
  what: `${name} serves in the stack ${target} and refuses requests in ${source}. It may have taken writes, which this move would replace with an older state.`,
  at: at(name),
  got: `ACTIVE in ${target}, DRAINING in ${source}`,
  expected: "DRAINING in both, as a killed move leaves them",
  remedy: `If another machine completed the move: npx pulumi config set movedTo ${target} --stack ${source}, and remove movingTo and movingFrom from both stacks' settings. If nothing was written to the new process: npx fleet call ${name} DRAIN --control --stack ${target}, then move again.`,
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

export const tooLarge = (name: string, stack: string, bytes: number): Problem => ({
  code: "STATE_TOO_LARGE",
  what: `${name} of the stack ${stack} runs an earlier version of the library, which takes a state in one message.`,
  at: at(name),
  got: `${bytes} bytes`,
  expected: `at most ${MAX_STATE} bytes, or this version of the library`,
  remedy: `Deploy it: npx pulumi up --stack ${stack}`,
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

export const stateChanging = (name: string): Problem =>
  warning(
    "STATE_CHANGED",
    name,
    `The state of ${name} changed while it was exported, so this plan does not show what it contains.`,
    "requests that change it between two parts of the export",
    `Nothing: the move exports it once ${name} refuses requests.`,
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
