/** Keeps late messages of earlier runs out of a router. */
import type { TrafficState } from "../../src/delivery/wire.ts";
import { baseOf, targetsOf, type Wanted } from "./plan.ts";
import type { Router } from "./router.ts";
import type { StateOwner } from "./state-moves.ts";

/**
 * Makes the router refuse messages of earlier runs that have not arrived yet: a control message raises its epoch to this run's. It asks for a
 * proof that the router already has, which changes nothing else; if it has none, for those of the revisions that refuse requests.
 *
 * @throws FleetError if the router does not take it: then no revision may be resumed
 */
export async function fence(
  router: Router,
  wanted: Wanted,
  { proofs, table }: TrafficState,
  refusing: readonly StateOwner[],
): Promise<void> {
  const known = Object.entries(proofs).find(([, { status }]) => status === "proven");
  if (known !== undefined) {
    const [id, { release, revision }] = known;
    return router.prove(release, { [id]: revision });
  }
  const revisions = { ...targetsOf(baseOf(wanted)), ...targetsOf(table?.services ?? {}) };
  const ids = new Set(refusing.map(({ to }) => to));
  const targets = Object.entries(revisions).filter(([id]) => ids.has(id));
  await router.prove(table?.release ?? wanted.release, Object.fromEntries(targets));
}
