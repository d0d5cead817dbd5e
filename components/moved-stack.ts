import { FleetError } from "../src/core/errors.ts";

/**
 * Refuses to deploy a stack whose fleet `fleet move` has moved to another one: a deployment would make the old processes accept requests
 * again, and their state is older.
 *
 * @param movedTo the stack's setting
 * @throws FleetError STACK_MOVED
 */
export function assertNotMoved(stack: string, movedTo: string | undefined): void {
  if (movedTo === undefined || movedTo === "") return;
  throw new FleetError({
    code: "STACK_MOVED",
    what: `The fleet of the stack ${stack} was moved to ${movedTo}: its processes here are kept, but serve no more.`,
    at: `movedTo in Pulumi.${stack}.yaml`,
    got: movedTo,
    expected: "a stack whose processes serve",
    remedy: `Deploy to ${movedTo}. To move the fleet back with its present state: npx fleet move --stack ${movedTo} --to ${stack}. To retire the old processes: npx pulumi destroy --stack ${stack}.`,
  });
}
