/** An interval of a cron, as the spawn tag `Cron-Interval` has it. */
export interface CronInterval {
  readonly unit: "blocks" | "milliseconds";
  /** Number of blocks or of milliseconds. */
  readonly every: number;
}

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ["millisecond", 1],
  ["second", 1_000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["week", 604_800_000],
  ["month", 2_629_800_000],
  ["year", 31_557_600_000],
]);

/** The shortest interval by time that messenger units accept, in milliseconds. */
export const SHORTEST_CRON_MS = 1000;

/** Parses `30-seconds`, `1-hour`, `10-blocks`. Undefined for a value that is not an interval. Pure. */
export function parseCronInterval(interval: string): CronInterval | undefined {
  const [amount = "", unit = ""] = interval.split("-").map((part) => part.trim());
  const count = Number(amount);
  if (!Number.isInteger(count) || count <= 0) return undefined;
  const singular = unit.replace(/s$/, "");
  if (singular === "block") return { unit: "blocks", every: count };
  const milliseconds = MILLISECONDS.get(singular);
  return milliseconds === undefined ? undefined : { unit: "milliseconds", every: count * milliseconds };
}

/**
 * The time of the latest tick that is due: ticks are due every `every` milliseconds from `origin`, the first one interval after it.
 * Undefined before the first. Pure.
 */
export function latestDue(every: number, origin: number, now: number): number | undefined {
  const count = Math.floor((now - origin) / every);
  return count < 1 ? undefined : origin + count * every;
}

/** The time of the next tick after `now`. Pure. */
export const nextDue = (every: number, origin: number, now: number): number =>
  (latestDue(every, origin, now) ?? origin) + every;

/** Number of intervals that have passed completely since a tick. Pure. */
export const missedIntervals = (every: number, since: number, now: number): number =>
  Math.max(0, Math.floor((now - since) / every));
