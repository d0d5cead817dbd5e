import { deploymentKey, type Scope } from "./scope.ts";

/** The stack of a key. */
type Stack = Pick<Scope, "project" | "stack">;

/** One kind of effect on one process of a member: `spawn`, `load`, `RETIRE`, or an action. */
export interface MemberStep {
  readonly name: string;
  readonly generation: number;
  readonly step: string;
}

/** The journal's key of a member's effect, as data. */
interface MemberKey extends MemberStep, Stack {
  /** What tells effects of the same step apart: content, nonce, epoch. */
  readonly rest: readonly string[];
  /** The epoch with which it was signed. Absent for spawns, reads and probes. */
  readonly epoch?: number;
}

/** The journal's key of a member's effect: `project/stack/member/g<generation>/<step>`. */
export const memberKey = (scope: Stack, name: string, generation: number, step: string): string =>
  `${deploymentKey(scope, name)}/g${generation}/${step}`;

/** The journal's key of a call that a command sends: `cli/project/stack/member/<action>/<id>`. */
export const callKey = (scope: Stack, name: string, action: string, id: string): string =>
  `cli/${deploymentKey(scope, name)}/${action}/${id}`;

/** The action of a key that `callKey` made; undefined for any other. Pure. */
export function calledIn(key: string): string | undefined {
  const [root, , , , action] = key.split("/");
  return root === "cli" ? action : undefined;
}

/** The parts of a journal's key. Undefined for a key that is not of a member's process, such as an upload's. Pure. */
export function parseKey(key: string): MemberKey | undefined {
  const [project, stack, name, place, step, ...rest] = key.split("/");
  const generation = /^g(\d+)$/.exec(place ?? "")?.[1];
  if (project === undefined || stack === undefined || name === undefined) return undefined;
  if (generation === undefined || step === undefined) return undefined;
  const epoch = /^e(\d+)$/.exec(rest.at(-1) ?? "")?.[1];
  return {
    ...{ project, stack, name, generation: Number(generation), step, rest },
    ...(epoch === undefined ? {} : { epoch: Number(epoch) }),
  };
}

/** The parts of a key of this stack; undefined for any other. Pure. */
export function parseKeyOf(scope: Stack, key: string): MemberKey | undefined {
  const parsed = parseKey(key);
  return parsed?.project === scope.project && parsed.stack === scope.stack ? parsed : undefined;
}

/** Whether a key is of this step. Pure. */
export function isStep(scope: Stack, key: string, { name, generation, step }: MemberStep): boolean {
  const parsed = parseKeyOf(scope, key);
  return parsed?.name === name && parsed.generation === generation && parsed.step === step;
}
