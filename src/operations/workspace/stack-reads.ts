/** What pulumi prints about a stack. A read that failed is an error and never an empty answer: an unreadable stack is not a new one. */

import { isNoStack } from "../deploy/pulumi-text.ts";
import { unreadable } from "./unreadable.ts";
import type { PulumiRunner, Workspace } from "./workspace.ts";

/**
 * What pulumi prints about a stack.
 *
 * @param args of pulumi, without the stack
 * @returns undefined if the backend has no such stack
 * @throws FleetError STATE_UNREADABLE
 */
export async function readStack(
  host: PulumiRunner,
  workspace: Workspace,
  stack: string,
  args: readonly string[],
): Promise<string | undefined> {
  const answer = await host.pulumi(workspace, [...args, "--stack", stack]);
  if (answer.code === 0) return answer.stdout;
  if (isNoStack(answer.output)) return undefined;
  throw unreadable("STATE_UNREADABLE", `Cannot read the state of the stack ${stack}.`, answer);
}

/**
 * The state of a stack, as `pulumi stack export` prints it. The same command works for every backend.
 *
 * @returns undefined if the backend has no such stack
 * @throws FleetError STATE_UNREADABLE
 */
export async function exportedState(
  host: PulumiRunner,
  workspace: Workspace,
  stack: string,
): Promise<unknown> {
  const text = await readStack(host, workspace, stack, ["stack", "export"]);
  return text === undefined ? undefined : JSON.parse(text);
}
