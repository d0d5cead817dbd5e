import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { StackFiles } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { contentsOf, StateSchema } from "./contents.ts";
import { type ExportedState, exportsOnNetwork, timeOf, type Unread } from "./network.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** The result of a search. */
export interface FoundSnapshot {
  /** Undefined if there is none, or none can be read. */
  readonly snapshot?: Snapshot;
  readonly from?: "this machine" | "the network";
  /** What may be a later one and cannot be read, with the reasons. */
  readonly unread: readonly string[];
}

/**
 * The last snapshot of a process under given code, on this machine or in the results of export messages that another machine sent. Those are
 * verified by their digests and then stored here. Of equal ones, that of this machine.
 */
export async function lastSnapshot(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  budget: Budget,
): Promise<FoundSnapshot> {
  const local = await lastOnMachine(session.scope, place, sourceHash);
  const remote = await lastOnNetwork(session, place, sourceHash, local.snapshot, budget);
  const later = (snapshot: Snapshot | undefined) =>
    [...local.unread, ...remote.unread].flatMap((each) =>
      snapshot === undefined || mayBeLater(each, snapshot) ? [each.what] : [],
    );
  const { found } = remote;
  if (found !== undefined && (local.snapshot === undefined || isAfter(found.snapshot, local.snapshot))) {
    await snapshotStore(session.scope).put(found.snapshot, found.text);
    return { snapshot: found.snapshot, from: "the network", unread: later(found.snapshot) };
  }
  if (local.snapshot === undefined) return { unread: later(undefined) };
  return { snapshot: local.snapshot, from: "this machine", unread: later(local.snapshot) };
}

/** The order of slots, where both are known, is that of the process. */
const isAfter = (a: Pick<Snapshot, "slot" | "takenAt">, b: Pick<Snapshot, "slot" | "takenAt">): boolean =>
  a.slot > 0 && b.slot > 0 ? a.slot > b.slot : a.takenAt > b.takenAt;

const mayBeLater = ({ slot, at }: Unread, snapshot: Snapshot): boolean =>
  slot !== undefined && slot > 0 && snapshot.slot > 0
    ? slot > snapshot.slot
    : at === undefined || at > snapshot.takenAt;

async function lastOnMachine(
  scope: StackFiles,
  { name, processId }: ProcessRef,
  sourceHash: string,
): Promise<{ readonly snapshot?: Snapshot; readonly unread: readonly Unread[] }> {
  const store = snapshotStore(scope);
  const unread: Unread[] = (await store.damaged(name)).map(({ path, takenAt }) => ({
    what: `${path}: it is damaged`,
    at: takenAt,
  }));
  const fitting = (await store.list(name)).filter(
    (snapshot) => snapshot.processId === processId && snapshot.sourceHash === sourceHash,
  );
  for (const snapshot of fitting.sort((a, b) => (isAfter(a, b) ? -1 : isAfter(b, a) ? 1 : 0))) {
    const { digest, slot, takenAt: at } = snapshot;
    if ((await store.text(digest)) !== undefined) return { snapshot, unread };
    const what = `the state ${digest.slice(0, 12)} of ${at} on this machine: its file is missing or damaged`;
    unread.push({ what, slot, at });
  }
  return { unread };
}

async function lastOnNetwork(
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  known: Snapshot | undefined,
  budget: Budget,
): Promise<{
  readonly found?: { readonly snapshot: Snapshot; readonly text: string };
  readonly unread: readonly Unread[];
}> {
  try {
    const { exports, unread } = await exportsOnNetwork(session, place, sourceHash, known?.slot ?? 0, budget);
    const [newest] = [...exports].sort((a, b) => b.slot - a.slot);
    if (newest === undefined) return { unread };
    const snapshot = await snapshotOf(session, place, sourceHash, newest, budget);
    return { found: { snapshot, text: newest.text }, unread };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { unread: [{ what: `the exports on the network: ${error.problems[0].what} [${error.code}]` }] };
  }
}

async function snapshotOf(
  session: Session,
  { name, processId, generation }: ProcessRef,
  sourceHash: string,
  { text, digest, slot, item }: ExportedState,
  budget: Budget,
): Promise<Snapshot> {
  // A message that is new is in no block yet, and a block is later than its messages.
  const [placed] = await session.ao.range({ processId, from: slot, to: slot }, budget).catch(ignored);
  const takenAt = placed && placed.timestamp > 0 ? new Date(placed.timestamp).toISOString() : timeOf(item);
  const reason = item.tags["Snapshot-Reason"];
  const state = StateSchema.parse(parseJson(text));
  return {
    member: name,
    ...{ processId, generation, digest, slot, sourceHash },
    takenAt: takenAt ?? new Date(0).toISOString(),
    reason: reason === "restore" || reason === "backup" ? reason : "upgrade",
    deploymentId: item.tags["Deployment-Id"] ?? "",
    stateVersion: state.stateVersion,
    bytes: Buffer.byteLength(text),
    ...contentsOf(state),
  };
}

const ignored = (error: unknown): [] => {
  if (error instanceof FleetError) return [];
  throw error;
};
