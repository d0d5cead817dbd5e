/** Which callers' keys a table gives to which process, as ranges of buckets, and which of them another table gives to another one. */
import { FleetError } from "../core/errors.ts";

/** Callers by their bucket: from `from` up to, and without, `to`, by one release's salt. */
export interface KeyRange {
  readonly salt: string;
  readonly from: number;
  readonly to: number;
}

/** Where one service's requests go: routes take buckets from 0 up, in their order. */
interface Placed {
  readonly routes: readonly { readonly processId: string; readonly weightBp: number }[];
  readonly salt: string;
}

/** Every process with the range that is its own. Pure. */
export function ownedRanges({ routes, salt }: Placed): { processId: string; keys: KeyRange }[] {
  let edge = 0;
  return routes.flatMap(({ processId, weightBp }) => {
    const from = edge;
    edge += weightBp;
    return weightBp === 0 ? [] : [{ processId, keys: { salt, from, to: edge } }];
  });
}

/**
 * What has to go from where to where. One of the tables has everything in one place, or both are of one salt: otherwise the same
 * caller has another bucket in each, and nobody could say whose keys are where. Pure.
 *
 * @throws FleetError SALTS_DIFFER
 */
export function movedRanges(before: Placed, after: Placed): { from: string; to: string; keys: KeyRange }[] {
  const [had, gets] = [ownedRanges(before), ownedRanges(after)];
  const isSplit = had.length > 1 && gets.length > 1;
  if (isSplit && before.salt !== after.salt)
    throw new FleetError({
      code: "SALTS_DIFFER",
      what: "Both tables split the service, each by a salt of its own: the same caller is in another bucket.",
      got: `${before.salt.slice(0, 12)} and ${after.salt.slice(0, 12)}`,
      expected: "one salt, or one of them whole",
      remedy: "End the split first: promote it or go back, then deploy the next release.",
    });
  // Who is whole has every bucket by any salt.
  const salt = had.length > 1 ? before.salt : after.salt;
  return had.flatMap(({ processId: from, keys: one }) =>
    gets.flatMap(({ processId: to, keys: other }) => {
      const keys = { salt, from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) };
      return from === to || keys.from >= keys.to ? [] : [{ from, to, keys }];
    }),
  );
}
