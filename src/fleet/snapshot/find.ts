import type { Budget } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { StackFiles } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { contentsOf, StateSchema } from "./contents.ts";
import { type ExportedState, exportsOnNetwork, type Search, timeOf, type Unread } from "./network.ts";
import { type Snapshot, snapshotStore } from "./store.ts";

/** Where a snapshot was found. */
export type Home = "this machine" | "the network";

/** The result of a search. */
export interface FoundSnapshot {
  /** Undefined if there is none, or none can be read. */
  readonly snapshot?: Snapshot;
  readonly from?: Home;
  /** What may be a later one and cannot be read, with the reasons. */
  readonly unread: readonly string[];
  /** Those of this machine among them whose text is missing or damaged. */
  readonly damaged: readonly Snapshot[];
  /** The digests of all that were found, on this machine and as far as the network was read. */
  readonly digests: readonly string[];
}

/** What an export's message and its result say of a snapshot. */
type Named = Pick<Snapshot, "processId" | "digest" | "slot" | "sourceHash" | "reason" | "deploymentId">;

/** The snapshots of a member that are looked for. */
export interface Wanted {
  fits(snapshot: Named): boolean;
  /** Tags of their messages on the network. */
  readonly tags: Search["tags"];
  /** Whether one that can be read on this machine is enough, although the network may have a later one. @default false */
  readonly isNamed?: boolean;
  /** As for `Search`. */
  readonly mostExports?: number;
  readonly note?: (read: number) => void;
}

/** The tags by which the network finds snapshots. */
export const reasons = (...named: Snapshot["reason"][]): Search["tags"] => ({
  "Snapshot-Reason": named.length > 0 ? named : ["upgrade", "backup", "restore"],
});

/** The last snapshot of a process under given code: see `findSnapshot`. */
export const lastSnapshot = (
  session: Session,
  place: ProcessRef,
  sourceHash: string,
  budget: Budget,
): Promise<FoundSnapshot> => {
  const fits = (one: Named) => one.processId === place.processId && one.sourceHash === sourceHash;
  return findSnapshot(session, place, { fits, tags: { "Source-Hash": sourceHash } }, budget);
};

/**
 * The last one of some snapshots of a member, on this machine or in the results of export messages that another machine sent to its process.
 * Those are verified by their digests and then stored here. Of equal ones, that of this machine.
 */
export async function findSnapshot(
  session: Session,
  place: ProcessRef,
  wanted: Wanted,
  budget: Budget,
): Promise<FoundSnapshot> {
  const local = await lastOnMachine(session.scope, place, wanted);
  const isEnough = wanted.isNamed === true && local.snapshot !== undefined && local.damaged.length === 0;
  const remote = isEnough ? NOTHING : await lastOnNetwork(session, place, wanted, local.snapshot, budget);
  const { found } = remote;
  const isLater =
    found !== undefined && (local.snapshot === undefined || isAfter(found.snapshot, local.snapshot));
  if (isLater) await snapshotStore(session.scope).put(found.snapshot, found.text);
  const snapshot = isLater ? found.snapshot : local.snapshot;
  // The network's copy is stored now, also for those with the same digest.
  const damaged = local.damaged.filter(
    (one) => snapshot === undefined || (one.digest !== snapshot.digest && isAfter(one, snapshot)),
  );
  return {
    ...(snapshot === undefined ? {} : { snapshot, from: isLater ? "the network" : "this machine" }),
    unread: [...local.unread, ...damaged.map(unreadText), ...remote.unread].flatMap((each) =>
      snapshot === undefined || mayBeLater(each, snapshot) ? [each.what] : [],
    ),
    damaged,
    digests: [...new Set([...local.digests, ...remote.digests])],
  };
}

/**
 * The snapshots of a member on this machine and in the latest export messages to its process, newest first. Changes nothing.
 */
export async function listSnapshots(
  session: Session,
  place: ProcessRef,
  budget: Budget,
): Promise<{
  readonly snapshots: readonly (Snapshot & { readonly from: Home })[];
  /** What cannot be read or was not, with the reasons. */
  readonly unread: readonly string[];
}> {
  const store = snapshotStore(session.scope);
  const { kept: local, damaged } = await onMachine(store, place.name);
  const isHere = ({ digest, slot }: ExportedState) =>
    local.some(
      (one) =>
        one.processId === place.processId && one.digest === digest && (one.slot === slot || one.slot === 0),
    );
  const remote = await exportsOnNetwork(session, place, { tags: reasons() }, budget).catch(
    (error: unknown) => ({
      ...unreadable(error),
      exports: [],
      hasEarlier: false,
    }),
  );
  const others = remote.exports.filter((each) => !isHere(each));
  const found = await Promise.all(others.map((each) => snapshotOf(session, place, each, budget)));
  const snapshots = [
    ...local.map((one) => ({ ...one, from: "this machine" as const })),
    ...found.map((one) => ({ ...one, from: "the network" as const })),
  ].sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  const unread = [
    ...(await store.damaged(place.name)).map(({ path }) => `${path}: it is damaged`),
    ...damaged.filter(({ digest }) => !found.some((one) => one.digest === digest)).map(damagedText),
    ...remote.unread.map(({ what }) => what),
    ...(remote.hasEarlier ? ["earlier exports on the network are not listed"] : []),
  ];
  return { snapshots, unread };
}

type Placed = Pick<Snapshot, "processId" | "slot" | "takenAt">;

/** The order of slots, where both are known, is that of the process. */
const isAfter = (a: Placed, b: Placed): boolean =>
  a.processId === b.processId && a.slot > 0 && b.slot > 0 ? a.slot > b.slot : a.takenAt > b.takenAt;

const mayBeLater = ({ slot, at, processId }: Unread, snapshot: Snapshot): boolean =>
  slot !== undefined && slot > 0 && snapshot.slot > 0 && processId === snapshot.processId
    ? slot > snapshot.slot
    : at === undefined || at > snapshot.takenAt;

const damagedText = ({ digest, takenAt }: Snapshot): string =>
  `the state ${digest.slice(0, 12)} of ${takenAt} on this machine: its file is missing or damaged`;

const unreadText = (snapshot: Snapshot): Unread => {
  const { slot, takenAt: at, processId } = snapshot;
  return { what: damagedText(snapshot), ...{ slot, at, processId } };
};

/** The snapshots of a member on this machine, and those of them whose text is missing or damaged. */
async function onMachine(store: ReturnType<typeof snapshotStore>, name: string) {
  const [kept, damaged]: [Snapshot[], Snapshot[]] = [[], []];
  for (const one of await store.list(name))
    ((await store.text(one.digest)) === undefined ? damaged : kept).push(one);
  return { kept, damaged };
}

async function lastOnMachine(scope: StackFiles, { name }: ProcessRef, { fits }: Wanted) {
  const store = snapshotStore(scope);
  const unread: Unread[] = (await store.damaged(name)).map(({ path, takenAt }) => ({
    what: `${path}: it is damaged`,
    at: takenAt,
  }));
  const fitting = (await store.list(name)).filter(fits);
  const digests = fitting.map(({ digest }) => digest);
  const damaged: Snapshot[] = [];
  for (const snapshot of fitting.sort((a, b) => (isAfter(a, b) ? -1 : isAfter(b, a) ? 1 : 0))) {
    if ((await store.text(snapshot.digest)) !== undefined) return { snapshot, unread, damaged, digests };
    damaged.push(snapshot);
  }
  return { unread, damaged, digests };
}

interface OnNetwork {
  readonly found?: { readonly snapshot: Snapshot; readonly text: string };
  readonly unread: readonly Unread[];
  readonly digests: readonly string[];
}
const NOTHING: OnNetwork = { unread: [], digests: [] };

async function lastOnNetwork(
  session: Session,
  place: ProcessRef,
  { fits, tags, mostExports, note }: Wanted,
  known: Snapshot | undefined,
  budget: Budget,
): Promise<OnNetwork> {
  const search: Search = {
    tags,
    fits: (exported) => fits({ ...namedBy(exported), processId: place.processId }),
    ...(known?.processId === place.processId ? { knownSlot: known.slot } : {}),
    ...(mostExports === undefined ? {} : { mostExports }),
    ...(note === undefined ? {} : { note }),
  };
  try {
    const { exports, unread } = await exportsOnNetwork(session, place, search, budget);
    const digests = exports.map(({ digest }) => digest);
    const [newest] = [...exports].sort((a, b) => b.slot - a.slot);
    if (newest === undefined) return { unread, digests };
    const snapshot = await snapshotOf(session, place, newest, budget);
    return { found: { snapshot, text: newest.text }, unread, digests };
  } catch (error) {
    return { ...unreadable(error), digests: [] };
  }
}

/** For `catch`: why the network cannot be read. */
function unreadable(error: unknown): { readonly unread: readonly Unread[] } {
  if (!(error instanceof FleetError)) throw error;
  return { unread: [{ what: `the exports on the network: ${error.problems[0].what} [${error.code}]` }] };
}

/** What an export's message says of it. Pure. */
function namedBy({ digest, slot, item: { tags } }: ExportedState): Omit<Named, "processId"> {
  const reason = tags["Snapshot-Reason"];
  return {
    ...{ digest, slot, sourceHash: tags["Source-Hash"] ?? "" },
    reason: reason === "restore" || reason === "backup" ? reason : "upgrade",
    deploymentId: tags["Deployment-Id"] ?? "",
  };
}

async function snapshotOf(
  session: Session,
  { name, processId, generation }: ProcessRef,
  exported: ExportedState,
  budget: Budget,
): Promise<Snapshot> {
  const { text, slot, item } = exported;
  // A message that is new is in no block yet, and a block is later than its messages.
  const [placed] = await session.ao.range({ processId, from: slot, to: slot }, budget).catch(tolerate([]));
  const takenAt = placed && placed.timestamp > 0 ? new Date(placed.timestamp).toISOString() : timeOf(item);
  const state = StateSchema.parse(parseJson(text));
  return {
    ...{ member: name, processId, generation },
    ...namedBy(exported),
    takenAt: takenAt ?? new Date(0).toISOString(),
    stateVersion: state.stateVersion,
    bytes: Buffer.byteLength(text),
    ...contentsOf(state),
  };
}
