/** How long ago something was by the clock of a unit, if only this machine's time of it is known. */

/** Milliseconds by which the clocks may have differed when it was noted, beyond what they differ now. */
const CLOCK_SKEW = 600_000;
/** A unit names its time in seconds, and its answer takes some time: less is no difference. */
const SAME = 60_000;

/**
 * A time before it, by the unit's clock, in milliseconds since 1970. Pure.
 *
 * @param at when it was, by this machine's clock, which may have been set back in the meantime
 * @param unit what the unit's clock shows now; undefined if the unit does not tell
 */
export function earliestThere(at: number, unit: number | undefined, now = Date.now()): number {
  const ahead = unit === undefined ? 0 : now - unit;
  return Math.max(0, Math.min(at, now) - CLOCK_SKEW - (ahead > SAME ? ahead : 0));
}

/** The clock of a unit when it answered, by the headers of the answer (RFC 9110 § 6.6.1, RFC 9111 § 5.1); undefined if it does not tell. */
export function clockIn(header: (name: string) => string | null | undefined): number | undefined {
  const date = Date.parse(header("date") ?? "");
  return Number.isNaN(date) ? undefined : date + ageIn(header) * 1000;
}

/** Seconds for which a cache has kept the answer. */
export function ageIn(header: (name: string) => string | null | undefined): number {
  const age = Number(header("age") ?? 0);
  return Number.isFinite(age) && age > 0 ? age : 0;
}
