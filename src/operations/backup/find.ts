import { amount } from "../../core/amount.ts";
import { FleetError } from "../../core/errors.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Snapshot, snapshotStore } from "../../fleet/snapshot/store.ts";

/** A saved state with its text. */
export interface SnapshotToRestore {
  readonly member: Member;
  readonly snapshot: Snapshot;
  readonly text: string;
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

/**
 * The chosen saved state of each member.
 *
 * @throws FleetError SNAPSHOT_GONE, SNAPSHOT_SEVERAL, with the problem of every member that has none
 */
export const snapshotsFor = (
  fleet: FleetSession,
  members: readonly Member[],
  which: Chosen,
): Promise<SnapshotToRestore[]> => settleAll(members.map((member) => snapshotFor(fleet, member, which)));

async function snapshotFor(
  fleet: FleetSession,
  member: Member,
  { digest, before }: Chosen,
): Promise<SnapshotToRestore> {
  const store = snapshotStore(fleet.session.scope);
  const kept = await store.list(member.name);
  const isNamed = digest !== undefined || before !== undefined;
  const found = kept.filter(
    (snapshot) =>
      (digest === undefined || snapshot.digest.startsWith(digest)) &&
      (before === undefined || snapshot.deploymentId === before) &&
      (isNamed || snapshot.reason !== "restore"),
  );
  const digests = new Set(found.map((snapshot) => snapshot.digest));
  const [snapshot] = found;
  const text = snapshot && (await store.text(snapshot.digest));
  if (snapshot && text !== undefined && (digest === undefined || digests.size === 1))
    return { member, snapshot, text };
  const several = digest !== undefined && digests.size > 1;
  throw new FleetError({
    code: several ? "SNAPSHOT_SEVERAL" : "SNAPSHOT_GONE",
    what: several
      ? `The digests of several saved states of ${member.name} start with ${digest}.`
      : `${member.name} has no such saved state.`,
    got: several
      ? [...digests].map((one) => one.slice(0, 16)).join(", ")
      : `${amount(kept.length, "saved state")}, none matches`,
    expected: isNamed
      ? "one snapshot whose text is in the store"
      : "a state that a backup or a deployment saved, whose text is in the store",
    remedy: `npx fleet restore ${member.name} --list shows the saved states; --digest chooses any of them.`,
  });
}
