import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { exportedState, exportReport } from "../protocol/state.ts";
import type { Session } from "../session/session.ts";
import { contentsOf, type Exported, type InCode } from "./contents.ts";
import { awaited, type OldWaits } from "./old-waits.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** The reason for a snapshot, and the running code. */
export type SnapshotReason = Pick<Snapshot, "reason" | "sourceHash"> & { readonly deploymentId?: string };

/** What a process says of its state with an export. */
export interface ExportFacts {
  /** Shape of the states. */
  readonly stateVersion: string;
  /** Names of the exported globals. */
  readonly carried: readonly string[];
  /** Names of other globals that messages changed. */
  readonly left: readonly string[];
  /** Names of exported globals that are too large to know whether messages changed them. */
  readonly unknown: readonly string[];
  /** Number of handlers that wait for a message: what they would do next cannot be exported. Without the old ones. */
  readonly waiting: number;
  /** Those that have waited for too long to be waited for. */
  readonly old?: OldWaits | undefined;
  /** False with earlier libraries, which do not export globals. */
  readonly hasGlobals: boolean;
  /** False with earlier libraries, which take a state in one message. */
  readonly takesParts: boolean;
  /** State in the program's code, which the export does not contain; undefined with earlier libraries. */
  readonly code?: InCode;
}

/** Exported states: verified, but not stored yet. */
export interface ExportedSnapshot extends ExportFacts {
  readonly snapshot: Snapshot;
  /** Canonical JSON. */
  readonly text: string;
}

export interface Extent {
  /** Whether the export includes globals even if there are none; exports of earlier versions do not include them. @default true */
  readonly whole?: boolean;
  /** Globals to export. @default those in the declaration, else those that messages changed */
  readonly globals?: readonly string[];
  /** States to export, which earlier libraries ignore. @default all */
  readonly states?: readonly string[];
  /** Whether the result serves as a snapshot on any machine. @default true, unless a part is selected */
  readonly isSnapshot?: boolean;
}

/**
 * Exports a process' states and verifies that their canonical JSON matches the digest that the process reported. The message of a snapshot
 * has the tags `Snapshot-Reason`, `Deployment-Id` and `Source-Hash`, by which other machines find it. If messages change a large state again
 * and again, the process refuses requests to its declared actions until its snapshot was read; the session's notices say so.
 *
 * @throws FleetError DIGEST_MISMATCH, and the process' own errors (NO_REPLY, EXPORT_UNSUPPORTED, FORBIDDEN, …)
 */
export async function exportState(
  session: Session,
  place: ProcessRef,
  occasion: SnapshotReason,
  budget: Budget,
  { whole = true, isSnapshot, ...selected }: Extent = {},
): Promise<ExportedSnapshot> {
  const { name: member, processId, generation } = place;
  const { reason, sourceHash, deploymentId = session.deployment.id } = occasion;
  const own = { "Snapshot-Reason": reason, "Deployment-Id": deploymentId, "Source-Hash": sourceHash };
  // A later run must not take a part of the state for all of it.
  const isWhole = selected.states === undefined && selected.globals === undefined;
  const mayHold = isSnapshot ?? isWhole;
  const request = { whole, tags: mayHold ? own : {}, mayHold, ...selected };
  const reply = await exportedState(session, place, request, budget);
  const text = canonicalJson(reply.state);
  if (sha256(text) !== reply.digest) {
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `The states that ${member} exported do not match its digest.`,
      got: sha256(text).slice(0, 12),
      expected: reply.digest.slice(0, 12),
      remedy: "The answer was modified in transit; check the compute unit and its proxies.",
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
  return { snapshot, text, ...factsIn(reply, reply.state.stateVersion) };
}

/** Reads no more than the first part of the state. @throws FleetError as `exportReport` */
export async function exportFacts(session: Session, place: ProcessRef, budget: Budget): Promise<ExportFacts> {
  const { state, part, ...reply } = await exportReport(session, place, {}, budget);
  return factsIn(reply, state?.stateVersion ?? part?.header?.stateVersion ?? "1");
}

function factsIn(
  { globals, resettable, code }: Pick<Exported, "globals" | "resettable" | "code">,
  stateVersion: string,
): ExportFacts {
  const { carried = [], left = [], unknown = [], waiting: all = 0, old } = globals ?? {};
  const waiting = awaited(all, old);
  return {
    ...{ stateVersion, carried, left, unknown, waiting, old, hasGlobals: globals !== undefined },
    takesParts: resettable !== undefined,
    ...(code === undefined ? {} : { code }),
  };
}

/** The same, and stores the snapshot. */
export async function takeSnapshot(
  session: Session,
  place: ProcessRef,
  occasion: SnapshotReason,
  budget: Budget,
): Promise<Snapshot> {
  return (await exportAndStore(session, place, occasion, budget)).snapshot;
}

/** The same, with what the snapshot does not contain. */
export async function exportAndStore(
  session: Session,
  place: ProcessRef,
  occasion: SnapshotReason,
  budget: Budget,
  extent: Extent = {},
): Promise<ExportedSnapshot> {
  const exported = await exportState(session, place, occasion, budget, { ...extent, isSnapshot: true });
  await snapshotStore(session.scope).put(exported.snapshot, exported.text);
  return exported;
}
