import { type CronInterval, parseCronInterval, SHORTEST_CRON_MS } from "../../core/cron.ts";
import type { Tag } from "../types.ts";

/** A cron of a process, from its `Cron-Interval` and `Cron-Tag-*` tags. */
interface Cron extends CronInterval {
  /** `10-seconds` or `3-blocks`, as declared. */
  readonly interval: string;
  readonly tags: readonly Tag[];
}

/** Parses the crons of a process; throws if they are invalid. */
export function parseCrons(tags: readonly Tag[]): Cron[] {
  const crons: (Omit<Cron, "tags"> & { tags: Tag[] })[] = [];
  for (const { name, value } of tags) {
    if (name === "Cron-Interval") crons.push({ ...parseInterval(value), interval: value, tags: [] });
    const inner = /^Cron-Tag-(.+)$/.exec(name)?.[1];
    if (inner === undefined) continue;
    const cron = crons.at(-1);
    if (cron === undefined) throw new Error(`Unmatched Cron-Tag with no preceding Cron-Interval: ${name}`);
    cron.tags.push({ name: inner, value });
  }
  return crons;
}

function parseInterval(interval: string): CronInterval {
  const parsed = parseCronInterval(interval);
  if (parsed === undefined) throw new Error(`Invalid Cron-Interval: ${interval}`);
  if (parsed.unit === "milliseconds" && parsed.every < SHORTEST_CRON_MS)
    throw new Error("time-based cron cannot be less than 1 second");
  return parsed;
}
