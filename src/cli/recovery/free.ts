import { ownerWords, recover } from "../../operations/recover/index.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import type { Workspace } from "../../operations/workspace/workspace.ts";
import type { Context } from "../command.ts";

/**
 * The stack of a command, after what a killed run left in it was put right. Undefined, and said, when a living owner holds it: the
 * command ends with EXIT.locked.
 */
export async function freeStack(
  context: Context,
): Promise<{ readonly stack: string; readonly workspace: Workspace } | undefined> {
  const { out } = context;
  const stack = await context.stack();
  const workspace = await context.workspace();
  const { project } = readStackConfig(context.projectDir, stack);
  const recovery = await recover(workspace, project, stack, (line) => out.note(line));
  if (recovery.kind !== "held") return { stack, workspace };
  out.alert(`The stack ${stack} is held by ${recovery.locks.map(ownerWords).join(", ")}. [STACK_LOCKED]`);
  return undefined;
}
