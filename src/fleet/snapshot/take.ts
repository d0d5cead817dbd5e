import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import type { Place } from "../health/verdict.ts";
import { exportedState } from "../protocol/state.ts";
import type { Session } from "../session/session.ts";
import { contentsOf } from "./contents.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** Why and of what code a snapshot is taken. */
export type Occasion = Pick<Snapshot, "reason" | "sourceHash"> & { readonly deploymentId?: string };

/** States as a process exported them: believed, and not kept yet. */
export interface Taken {
  readonly snapshot: Snapshot;
  /** Canonical JSON. */
  readonly text: string;
  /** Names of the globals that are in it. */
  readonly carried: readonly string[];
  /** Names of others that messages changed. */
  readonly left: readonly string[];
}

interface Extent {
  /** Whether it says also that there are no globals; one from before globals were carried says nothing of them. @default true */
  readonly whole?: boolean;
  /** The globals that are in it. @default those that the declaration names, else those that messages changed */
  readonly globals?: readonly string[];
}

/**
 * Asks a process for its states. They are believed only when their canonical text has the digest that the process gave. The message
 * carries `Snapshot-Reason`, `Deployment-Id` and `Source-Hash`: its result is the snapshot too, on any machine.
 *
 * @throws FleetError DIGEST_MISMATCH, and what the process answers (NO_REPLY, EXPORT_UNSUPPORTED, FORBIDDEN, …)
 */
export async function exportState(
  session: Session,
  place: Place,
  occasion: Occasion,
  budget: Budget,
  { whole = true, globals }: Extent = {},
): Promise<Taken> {
  const { name: member, processId, generation } = place;
  const { reason, sourceHash, deploymentId = session.deployment.id } = occasion;
  const tags = { "Snapshot-Reason": reason, "Deployment-Id": deploymentId, "Source-Hash": sourceHash };
  const request = { whole, tags, ...(globals === undefined ? {} : { globals }) };
  const reply = await exportedState(session, place, request, budget);
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
  const { carried = [], left = [] } = reply.globals ?? {};
  return { snapshot, text, carried, left };
}

/** The same, kept in the store. */
export async function takeSnapshot(
  session: Session,
  place: Place,
  occasion: Occasion,
  budget: Budget,
): Promise<Snapshot> {
  const { snapshot, text } = await exportState(session, place, occasion, budget);
  await snapshotStore(session.scope).put(snapshot, text);
  return snapshot;
}
