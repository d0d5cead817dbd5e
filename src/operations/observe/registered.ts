import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { registry } from "../../fleet/protocol/registry.ts";

/**
 * The processes that are registered in the fleet's ledger.
 *
 * @param type only those that report this type in Info
 * @throws FleetError NO_LEDGER
 */
export async function registeredProcesses(fleet: FleetSession, type: string | undefined, seconds: number) {
  if (fleet.ledger === undefined) {
    throw new FleetError({
      code: "NO_LEDGER",
      what: `The fleet of the stack ${fleet.stack} has no ledger, so nothing is registered.`,
      expected: "a deployed member that `ledger` in index.ts names",
      remedy: "npx fleet status lists the members; npx fleet deploy deploys the ledger.",
    });
  }
  const ledger = pickMember(fleet, fleet.ledger);
  const found = await registry(fleet.session, ledger, fleet.session.budget(seconds), type);
  return Object.entries(found).map(([processId, info]) => ({
    processId,
    name: info.metadata?.name ?? "",
    ...info,
  }));
}
