import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import type { Place } from "../process/health.ts";
import { ask } from "../run/control.ts";
import type { Session } from "../run/session.ts";
import { contentsOf, ExportedSchema } from "./contents.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** Why and of what code a snapshot is taken. */
export type Occasion = Pick<Snapshot, "reason" | "sourceHash"> & { readonly deploymentId?: string };

/**
 * Asks a process for its states and keeps them. They are believed only when their canonical text has the digest that the process
 * gave. The message carries `Snapshot-Reason`, `Deployment-Id` and `Source-Hash`: its result is the snapshot too, on any machine.
 *
 * @param whole whether it says also that there are no globals; one from before globals were carried says nothing of them
 * @throws FleetError DIGEST_MISMATCH, and what the process answers (NO_REPLY, EXPORT_UNSUPPORTED, FORBIDDEN, …)
 */
export async function takeSnapshot(
  session: Session,
  place: Place,
  occasion: Occasion,
  budget: Budget,
  whole = true,
): Promise<Snapshot> {
  const { name: member, processId, generation } = place;
  const { reason, sourceHash, deploymentId = session.deployment.id } = occasion;
  const tags = { "Snapshot-Reason": reason, "Deployment-Id": deploymentId, "Source-Hash": sourceHash };
  const data = { whole };
  const reply = await ask(session, { ...place, action: "EXPORT_STATE", tags, data }, ExportedSchema, budget);
  const text = canonicalJson(reply.state);
  if (sha256(text) !== reply.digest) {
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `The states that ${member} exported are not what its digest says.`,
      got: sha256(text).slice(0, 12),
      expected: reply.digest.slice(0, 12),
      remedy: "Something between it and here changes answers; look at the compute unit and its proxies.",
    });
  }
  const snapshot: Snapshot = {
    member,
    processId,
    generation,
    digest: reply.digest,
    slot: reply.slot ?? 0,
    takenAt: new Date().toISOString(),
    reason,
    deploymentId,
    sourceHash,
    stateVersion: reply.state.stateVersion,
    bytes: Buffer.byteLength(text),
    ...contentsOf(reply.state),
  };
  await snapshotStore(session.scope).put(snapshot, text);
  return snapshot;
}
