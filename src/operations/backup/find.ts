import { amount } from "../../core/amount.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import {
  type FoundSnapshot,
  findSnapshot,
  type Home,
  listSnapshots,
  reasons,
  type Wanted,
} from "../../fleet/snapshot/find.ts";
import { type Snapshot, snapshotStore } from "../../fleet/snapshot/store.ts";
import { NO_ADDRESS } from "../workspace/open-fleet.ts";

/** A saved state with its text. */
export interface SnapshotToRestore {
  readonly member: Member;
  readonly snapshot: Snapshot;
  readonly text: string;
  /** Where it was found. */
  readonly from?: Home;
  /** What may be a later one and cannot be read, with the reasons; none if the state was named. */
  readonly unread?: readonly string[];
}

/**
 * Which of a member's saved states to use. If neither is given, the newest that a backup or a deployment saved: a state that a restore saved
 * is the one that was to be replaced, and a repeated command would return to it.
 */
interface Chosen {
  /** A prefix of its digest. */
  readonly digest?: string | undefined;
  /** The deployment before which it was taken. */
  readonly before?: string | undefined;
}

/** Seconds for the snapshots of a member. */
const SECONDS = 60;

/**
 * The chosen saved state of each member, from this machine or from the network.
 *
 * @throws FleetError SNAPSHOT_GONE, SNAPSHOT_SEVERAL, with the problem of every member that has none
 */
export const snapshotsFor = (
  fleet: FleetSession,
  members: readonly Member[],
  which: Chosen,
): Promise<SnapshotToRestore[]> => settleAll(members.map((member) => snapshotFor(fleet, member, which)));

async function snapshotFor(
  { session }: FleetSession,
  member: Member,
  { digest, before }: Chosen,
): Promise<SnapshotToRestore> {
  const store = snapshotStore(session.scope);
  const isNamed = digest !== undefined || before !== undefined;
  const wanted: Wanted = {
    isNamed,
    tags: {
      ...(isNamed ? reasons() : reasons("upgrade", "backup")),
      ...(before === undefined ? {} : { "Deployment-Id": before }),
    },
    fits: (one) =>
      (digest === undefined || one.digest.startsWith(digest)) &&
      (before === undefined || one.deploymentId === before) &&
      (isNamed || one.reason !== "restore"),
  };
  const found = await findSnapshot(session, member, wanted, budgetOf(SECONDS));
  if (digest !== undefined && found.digests.length > 1)
    throw new FleetError({
      code: "SNAPSHOT_SEVERAL",
      what: `The digests of several saved states of ${member.name} start with ${digest}.`,
      got: found.digests.map((one) => one.slice(0, 16)).join(", "),
      expected: "a digest that only one saved state has",
      remedy: `${listed(member)}; --digest chooses any of them.`,
    });
  const { snapshot, from, damaged } = found;
  const text = snapshot && (await store.text(snapshot.digest));
  if (snapshot === undefined || from === undefined || text === undefined || damaged.length > 0)
    throw new FleetError(gone(member, isNamed, found, (await store.list(member.name)).length));
  return { member, snapshot, text, from, unread: isNamed ? [] : found.unread };
}

const listed = ({ name }: Member): string => `npx fleet restore ${name} --list shows the saved states`;

/** That no state can be restored, and what could not be read. Pure. */
function gone(member: Member, isNamed: boolean, { damaged, unread }: FoundSnapshot, count: number): Problem {
  const [first] = damaged;
  if (first !== undefined)
    return {
      code: "SNAPSHOT_GONE",
      what: `The saved state ${first.digest.slice(0, 12)} of ${member.name}, of ${first.takenAt}, cannot be read.`,
      got: unread.join("; "),
      expected: `its text in .fleet/snapshots/${first.digest}.json.gz or on the network`,
      remedy: `Copy that file from another machine or a copy of .fleet. To restore another state: ${listed(member)}; --digest chooses any of them.`,
    };
  return {
    code: "SNAPSHOT_GONE",
    what: `${member.name} has no such saved state.`,
    got: [`${amount(count, "saved state")} on this machine, none matches`, ...unread].join(
      "; not readable: ",
    ),
    expected: isNamed
      ? "one snapshot whose text is in the store or on the network"
      : "a state that a backup or a deployment saved, whose text is in the store or on the network",
    remedy: `${listed(member)}; --digest chooses any of them.`,
  };
}

/** The saved states of some members. */
interface ListedSnapshots {
  readonly snapshots: readonly (Snapshot & { readonly from: Home })[];
  /** What cannot be read, or was not, with the reasons and the members. */
  readonly unread: readonly string[];
}

/** The saved states of members, on this machine and in their latest exports on the network. */
export async function savedStates(
  { session }: FleetSession,
  members: readonly Member[],
): Promise<ListedSnapshots> {
  const lists = await Promise.all(
    members.map(async (member) => {
      const { snapshots, unread } = await listSnapshots(session, member, budgetOf(SECONDS));
      return { snapshots, unread: unread.map((what) => `${member.name}: ${what}`) };
    }),
  );
  const unsigned =
    session.ao.address === NO_ADDRESS
      ? ["the exports on the network: the stack's wallet, which sent them, cannot be read"]
      : [];
  return {
    snapshots: lists.flatMap(({ snapshots }) => snapshots),
    unread: [...unsigned, ...lists.flatMap(({ unread }) => unread)],
  };
}
