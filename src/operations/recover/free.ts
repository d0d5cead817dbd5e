import type { OperationContext } from "../context.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { ownerWords, recover } from "./index.ts";

/** Who is told what was put right, and who holds the stack. */
interface Told {
  note(line: string): void;
  alert(line: string): void;
}

/** The stack of a command, after what a killed run left in it was put right. Undefined, and told, when a living owner holds it. */
export async function freeStack(
  context: OperationContext,
  out: Told,
): Promise<{ readonly stack: string; readonly workspace: Workspace } | undefined> {
  const stack = await context.stack();
  const workspace = await context.workspace();
  const { project } = readStackConfig(context.projectDir, stack);
  const recovery = await recover(workspace, project, stack, (line) => out.note(line));
  if (recovery.kind !== "held") return { stack, workspace };
  out.alert(`The stack ${stack} is held by ${recovery.locks.map(ownerWords).join(", ")}. [STACK_LOCKED]`);
  return undefined;
}
