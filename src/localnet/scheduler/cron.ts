import type { Tag } from "../types.ts";

/** A cron of a process, from its `Cron-Interval` and `Cron-Tag-*` tags. */
interface Cron {
  /** `10-seconds` or `3-blocks`, as declared. */
  readonly interval: string;
  readonly unit: "blocks" | "milliseconds";
  readonly every: number;
  readonly tags: readonly Tag[];
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_629_800_000,
  year: 31_557_600_000,
};

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

function parseInterval(interval: string): Pick<Cron, "unit" | "every"> {
  const [amount, unit = ""] = interval.split("-").map((part) => part.trim());
  const count = Number(amount);
  const singular = unit.replace(/s$/, "");
  const milliseconds = MILLISECONDS[singular];
  if (!Number.isInteger(count) || count <= 0 || (singular !== "block" && milliseconds === undefined)) {
    throw new Error(`Invalid Cron-Interval: ${interval}`);
  }
  if (milliseconds === undefined) return { unit: "blocks", every: count };
  if (count * milliseconds < 1000) throw new Error("time-based cron cannot be less than 1 second");
  return { unit: "milliseconds", every: count * milliseconds };
}
