import { FleetError } from "../src/core/errors.ts";
import { continueCommand } from "../src/fleet/move-record.ts";
import type { StackFiles } from "../src/fleet/session/scope.ts";

/**
 * Refuses to deploy a stack whose fleet `fleet move` has moved to another one: a deployment would make the old processes accept requests
 * again, and their state is older. The same for both stacks while a move has not ended: writes would be lost.
 *
 * @param get reads a setting of the stack
 * @throws FleetError STACK_MOVED, STACK_MOVING
 */
export async function assertNotMoved(
  files: StackFiles,
  get: (key: "movedTo" | "movingTo" | "movingFrom") => string | undefined,
): Promise<void> {
  const { stack } = files;
  const [movedTo, movingTo, movingFrom] = [get("movedTo"), get("movingTo"), get("movingFrom")];
  // A stack to which its fleet returns is the old one until the move has ended.
  const refusal = async (from: string, to: string) =>
    moving(stack, { from, to }, await continueCommand(files, { from, to }));
  if (movingTo) throw await refusal(stack, movingTo);
  if (movingFrom) throw await refusal(movingFrom, stack);
  if (movedTo) throw moved(stack, movedTo);
}

const moved = (stack: string, to: string): FleetError =>
  new FleetError({
    code: "STACK_MOVED",
    what: `The fleet of the stack ${stack} was moved to ${to}: its processes here are kept, but serve no more.`,
    at: `movedTo in Pulumi.${stack}.yaml`,
    got: to,
    expected: "a stack whose processes serve",
    remedy: `Deploy to ${to}. To move the fleet back with its present state: npx fleet move --stack ${to} --to ${stack}. To retire an old process: npx fleet call <name> RETIRE --control --stack ${stack}. To remove the processes from the state: npx pulumi destroy --stack ${stack}, with protect after npx pulumi state unprotect --all --stack ${stack}; it also retires them, unless retainOnDelete is set.`,
  });

const moving = (
  stack: string,
  { from, to }: { readonly from: string; readonly to: string },
  command: string,
): FleetError =>
  new FleetError({
    code: "STACK_MOVING",
    what: `A move of the fleet from ${from} to ${to} has begun and has not ended: a deployment would make processes serve while their states are copied.`,
    at: `${stack === from ? "movingTo" : "movingFrom"} in Pulumi.${stack}.yaml`,
    got: stack === from ? to : from,
    expected: "a stack whose fleet is not being moved",
    remedy: `Wait for the move to end. If it was killed, continue it on the machine where it began: ${command}. To give it up before its new processes serve: npx pulumi config rm movingTo --stack ${from}, npx pulumi config rm movingFrom --stack ${to}, then npx pulumi up --refresh --stack ${from}.`,
  });
