import { FleetError } from "../src/core/errors.ts";

/**
 * Refuses to deploy a stack whose fleet `fleet move` has moved to another one: a deployment would make the old processes accept requests
 * again, and their state is older. The same for both stacks while a move has not ended: writes would be lost.
 *
 * @param get reads a setting of the stack
 * @throws FleetError STACK_MOVED, STACK_MOVING
 */
export function assertNotMoved(
  stack: string,
  get: (key: "movedTo" | "movingTo" | "movingFrom") => string | undefined,
): void {
  const [movedTo, movingTo, movingFrom] = [get("movedTo"), get("movingTo"), get("movingFrom")];
  // A stack to which its fleet returns is the old one until the move has ended.
  if (movingTo) throw moving(stack, stack, movingTo);
  if (movingFrom) throw moving(stack, movingFrom, stack);
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

const moving = (stack: string, from: string, to: string): FleetError =>
  new FleetError({
    code: "STACK_MOVING",
    what: `A move of the fleet from ${from} to ${to} has begun and has not ended: a deployment would make processes serve while their states are copied.`,
    at: `${stack === from ? "movingTo" : "movingFrom"} in Pulumi.${stack}.yaml`,
    got: stack === from ? to : from,
    expected: "a stack whose fleet is not being moved",
    remedy: `Wait for the move to end. If it was killed, continue it: npx fleet move --stack ${from} --to ${to}. To give it up before its new processes serve: npx pulumi config rm movingTo --stack ${from}, npx pulumi config rm movingFrom --stack ${to}, then npx pulumi up --refresh --stack ${from}.`,
  });
