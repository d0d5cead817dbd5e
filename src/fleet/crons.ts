import type { Scheduled, Tags } from "../ao/port.ts";
import { parseCronInterval, SHORTEST_CRON_MS } from "../core/cron.ts";

/** Who sends the ticks of a member's cron: the network's messenger unit, or the fleet's own monitor. */
export const CRON_DRIVERS = ["network", "monitor"] as const;

export type CronDriver = (typeof CRON_DRIVERS)[number];

/** A cron whose ticks the fleet's monitor sends. */
export interface MonitoredCron {
  /** `30-seconds`, as declared. */
  readonly interval: string;
  readonly everyMs: number;
  /** The declared tags of a tick: those of `Cron-Tag-*`. */
  readonly tags: Tags;
}

/** The declared tags of a member, and who drives its cron. */
interface DeclaredCron {
  readonly tags?: Tags | undefined;
  readonly cronDriver?: CronDriver | undefined;
}

const INTERVAL = "Cron-Interval";
const TAG = /^Cron-Tag-(.+)$/;

/** The tag of a tick with the time for which it was sent, in milliseconds since 1970. A process takes one tick for each. */
const SCHEDULED = "Cron-Scheduled";

/**
 * Milliseconds by which a tick's time may be after its message, as in `src/runtime/fleet/ticks.lua`. A process does not take a tick for a
 * later time, so such a message replaces none.
 */
const AHEAD_MS = 10 * 60_000;

/** The interval among a member's tags. */
export const intervalIn = (tags: Tags | undefined): string | undefined => tags?.[INTERVAL];

/** Milliseconds of an interval that a clock can keep; undefined for blocks, for less than a second, and for anything else. Pure. */
export function clockInterval(interval: string): number | undefined {
  const parsed = parseCronInterval(interval);
  return parsed?.unit === "milliseconds" && parsed.every >= SHORTEST_CRON_MS ? parsed.every : undefined;
}

/** The tags that `Cron-Tag-*` give to each tick. Pure. */
export const tagsOfCron = (tags: Tags): Tags =>
  Object.fromEntries(
    Object.entries(tags).flatMap(([name, value]) => {
      const inner = TAG.exec(name)?.[1];
      return inner === undefined ? [] : [[inner, value]];
    }),
  );

/** The cron of a member whose ticks the fleet's monitor sends; undefined if it has none. Pure. */
export function monitoredCron({ tags, cronDriver }: DeclaredCron): MonitoredCron | undefined {
  const interval = intervalIn(tags);
  if (tags === undefined || interval === undefined || cronDriver !== "monitor") return undefined;
  const everyMs = clockInterval(interval);
  return everyMs === undefined ? undefined : { interval, everyMs, tags: tagsOfCron(tags) };
}

/** The tags to spawn a member with: a network must not drive a cron that the monitor drives. Pure. */
export const spawnTags = (tags: Tags, cronDriver: CronDriver | undefined): Tags =>
  cronDriver === "monitor"
    ? Object.fromEntries(Object.entries(tags).filter(([name]) => name !== INTERVAL && !TAG.test(name)))
    : tags;

/**
 * The tags of one tick: those of a messenger unit's tick, with `Cron` as a tag because only a unit can set the field, and the time for which
 * it is sent. Pure.
 */
export const tickTags = ({ tags }: Pick<MonitoredCron, "tags">, scheduledAt: number): Tags => ({
  ...tags,
  Cron: "true",
  [SCHEDULED]: String(scheduledAt),
});

/**
 * The time for which a message was sent as a tick by this wallet; undefined for any other message. A message that names a process as its
 * sender is not the wallet's own, whatever the name says. Pure.
 */
export function scheduledIn(
  { from, tags, timestamp }: Pick<Scheduled, "from" | "tags" | "timestamp">,
  wallet: string,
): number | undefined {
  const scheduledAt = Number(tags[SCHEDULED]);
  const isOwn = from === wallet && !Object.hasOwn(tags, "From-Process");
  const isTime = Number.isInteger(scheduledAt) && scheduledAt > 0;
  const isTooLate = timestamp > 0 && scheduledAt > timestamp + AHEAD_MS;
  return isOwn && isTime && !isTooLate ? scheduledAt : undefined;
}
