import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { parseJson } from "../../core/json.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Session } from "../session/session.ts";
import { contentsOf, ExportedSchema } from "./contents.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** Number of the newest snapshots on the network that are read. */
const MAX_SNAPSHOTS = 20;

/**
 * The last snapshot of a process under given code: from this machine, else from the results of export messages that another machine
 * sent, verified by their digest and then stored here. Undefined if none was ever taken.
 */
export async function lastSnapshot(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  budget: Budget,
): Promise<Snapshot | undefined> {
  const store = snapshotStore(session.scope);
  for (const snapshot of await store.list(place.name)) {
    const fits = snapshot.processId === place.processId && snapshot.sourceHash === sourceHash;
    if (fits && (await store.text(snapshot.digest)) !== undefined) return snapshot;
  }
  return fromNetwork(session, place, sourceHash, budget);
}

async function fromNetwork(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  budget: Budget,
): Promise<Snapshot | undefined> {
  const found = await session.ao.find(
    {
      owners: [session.ao.address],
      recipients: [place.processId],
      tags: { Action: "EXPORT_STATE", "Source-Hash": sourceHash },
      limit: MAX_SNAPSHOTS,
    },
    budget,
  );
  let newest: { snapshot: Snapshot; text: string } | undefined;
  for (const { id, tags, block } of found) {
    const read = await resultOf(session, place, id, budget);
    if (!read || (newest && newest.snapshot.slot >= read.slot)) continue;
    const reason = tags["Snapshot-Reason"];
    const snapshot: Snapshot = {
      member: place.name,
      processId: place.processId,
      generation: place.generation,
      digest: read.digest,
      slot: read.slot,
      takenAt: new Date((block?.timestamp ?? 0) * 1000).toISOString(),
      reason: reason === "restore" || reason === "backup" ? reason : "upgrade",
      deploymentId: tags["Deployment-Id"] ?? "",
      sourceHash,
      stateVersion: read.stateVersion,
      bytes: Buffer.byteLength(read.text),
      ...read.contents,
    };
    newest = { snapshot, text: read.text };
  }
  if (newest) await snapshotStore(session.scope).put(newest.snapshot, newest.text);
  return newest?.snapshot;
}

async function resultOf(session: Session, { processId }: ProcessRef, messageId: string, budget: Budget) {
  try {
    const { messages } = await session.ao.evaluation({ processId, messageId }, within(budget, 20));
    const reply = messages.find(({ tags }) => tags.Action === "EXPORT_STATE-Response");
    const exported = ExportedSchema.safeParse(parseJson(reply?.data ?? "null"));
    if (!exported.success) return undefined;
    const { state, digest, slot } = exported.data;
    const text = canonicalJson(state);
    if (sha256(text) !== digest) return undefined;
    return {
      text,
      digest,
      slot: slot ?? 0,
      stateVersion: state.stateVersion,
      contents: contentsOf(state),
    };
  } catch (error) {
    // A message that was never evaluated has no snapshot; another one may have.
    if (error instanceof FleetError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
