/** The key ranges (as buckets) that a table assigns to each process, and the ranges that move between two tables. */
import { FleetError } from "../core/errors.ts";

/** Callers by their bucket with one release's salt: from `from` (inclusive) to `to` (exclusive). */
export interface KeyRange {
  readonly salt: string;
  readonly from: number;
  readonly to: number;
}

/** One service's routes, which take buckets from 0 upwards, in their order. */
interface Placed {
  readonly routes: readonly { readonly processId: string; readonly weightBp: number }[];
  readonly salt: string;
}

/** Every process with its own range. Pure. */
export function ownedRanges({ routes, salt }: Placed): { processId: string; keys: KeyRange }[] {
  let edge = 0;
  return routes.flatMap(({ processId, weightBp }) => {
    const from = edge;
    edge += weightBp;
    return weightBp === 0 ? [] : [{ processId, keys: { salt, from, to: edge } }];
  });
}

/**
 * The ranges that have to move, with source and target. Requires that one of the tables has a single route, or that both have the
 * same salt: otherwise a caller's bucket differs between them, and the location of its keys is unknown. Pure.
 *
 * @throws FleetError SALTS_DIFFER
 */
export function movedRanges(before: Placed, after: Placed): { from: string; to: string; keys: KeyRange }[] {
  const [had, gets] = [ownedRanges(before), ownedRanges(after)];
  const isSplit = had.length > 1 && gets.length > 1;
  if (isSplit && before.salt !== after.salt)
    throw new FleetError({
      code: "SALTS_DIFFER",
      what: "Both tables split the service with different salts, so the same caller has different buckets.",
      got: `${before.salt.slice(0, 12)} and ${after.salt.slice(0, 12)}`,
      expected: "the same salt, or a table without a split",
      remedy: "End the split first: promote it or roll it back, then deploy the next release.",
    });
  // A table without a split has every bucket with any salt.
  const salt = had.length > 1 ? before.salt : after.salt;
  return had.flatMap(({ processId: from, keys: one }) =>
    gets.flatMap(({ processId: to, keys: other }) => {
      const keys = { salt, from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) };
      return from === to || keys.from >= keys.to ? [] : [{ from, to, keys }];
    }),
  );
}
