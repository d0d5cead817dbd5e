import type { OperationContext } from "../context.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { describeOwner, recover } from "./index.ts";

/** Receives what was repaired, and who holds the stack. */
interface RecoveryObserver {
  note(line: string): void;
  alert(line: string): void;
}

/** Repairs what a killed run left in the command's stack, as `recover` does. Undefined, with an alert, if a running owner holds the stack. */
export async function freeStack(
  context: OperationContext,
  out: RecoveryObserver,
  takesOver = false,
): Promise<{ readonly stack: string; readonly workspace: Workspace } | undefined> {
  const stack = await context.stack();
  const workspace = await context.workspace();
  const { project } = readStackConfig(context.projectDir, stack);
  const recovery = await recover(workspace, project, stack, (line) => out.note(line), takesOver);
  if (recovery.kind !== "held") return { stack, workspace };
  out.alert(
    `The stack ${stack} is locked by ${recovery.locks.map(describeOwner).join(", ")}. [STACK_LOCKED]`,
  );
  return undefined;
}
