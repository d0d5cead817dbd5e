import { amount } from "../../core/amount.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
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
  /** The first digits of its digest: at least `LEAST_DIGITS`. */
  readonly digest?: string | undefined;
  /** The deployment before which it was taken. */
  readonly before?: string | undefined;
}

/** Digits that no two digests of a process have in common: not all states on the network are read to find out. */
const LEAST_DIGITS = 8;

/** Exports on the network after which the search for a named state ends. */
const MOST_EXPORTS = 100;

/** Seconds for the snapshots of a member. */
const SECONDS = 60;

/**
 * The chosen saved state of each member, from this machine or from the network.
 *
 * @param note receives a line each time that a search for a named state goes further back
 * @throws FleetError SNAPSHOT_GONE, SNAPSHOT_SEVERAL, DIGEST_INVALID, with the problem of every member that has none
 */
export const snapshotsFor = (
  fleet: FleetSession,
  members: readonly Member[],
  which: Chosen,
  note: (line: string) => void = () => {},
): Promise<SnapshotToRestore[]> =>
  settleAll(members.map((member) => snapshotFor(fleet, member, which, note)));

async function snapshotFor(
  { session }: FleetSession,
  member: Member,
  { digest, before }: Chosen,
  note: (line: string) => void,
): Promise<SnapshotToRestore> {
  if (digest !== undefined) assertDigits(member, digest);
  const store = snapshotStore(session.scope);
  const isNamed = digest !== undefined || before !== undefined;
  const wanted: Wanted = {
    isNamed,
    ...(isNamed ? { mostExports: MOST_EXPORTS } : {}),
    note: (read) =>
      note(
        `${member.name}: not among the latest ${amount(read, "export")} on the network, searching further back`,
      ),
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

function assertDigits(member: Member, digest: string): void {
  if (/^[0-9a-f]*$/.test(digest) && digest.length >= LEAST_DIGITS && digest.length <= 64) return;
  throw new FleetError({
    code: "DIGEST_INVALID",
    what: "Invalid value for --digest.",
    got: digest,
    expected: `${LEAST_DIGITS} to 64 hexadecimal digits, with which a digest starts`,
    remedy: `${listed(member)} with their digests.`,
  });
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
    remedy: `${listed(member)}; --digest chooses any of them, and --before <deployment> also finds one from before those that were searched.`,
  };
}

/**
 * Refuses states that are only the newest ones which can be read.
 *
 * @throws FleetError SNAPSHOT_UNREAD, with the problem of every member of which a later state may exist
 */
export const assertNewest = (wanted: readonly SnapshotToRestore[]): void =>
  throwAll(
    wanted.flatMap(({ member: { name }, snapshot: { takenAt, digest }, unread = [] }) =>
      unread.length === 0
        ? []
        : [
            {
              code: "SNAPSHOT_UNREAD",
              what: `${name} may have a later saved state than that of ${takenAt}.`,
              got: `not readable: ${unread.join("; ")}`,
              expected: "the newest saved state, or one that is named",
              remedy: `Run it again when the rest can be read, or name this state: npx fleet restore ${name} --digest ${digest.slice(0, 12)} --yes`,
            },
          ],
    ),
  );

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
