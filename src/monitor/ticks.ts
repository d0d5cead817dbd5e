import { ageOf } from "../core/age.ts";
import { missedIntervals } from "../core/cron.ts";
import type { DrivenCron, Reading } from "./reading.ts";

type Ticking = Pick<Reading, "cron" | "lastTickAt">;

/** Number of intervals without a tick, since the latest one or since the deployment; 0 for a cron that the monitor does not drive. Pure. */
export function missedTicks({ cron, lastTickAt = 0 }: Ticking, at: number): number {
  const from = Math.max(lastTickAt, cron?.since ?? 0);
  return cron === undefined || from === 0 ? 0 : missedIntervals(cron.everyMs, from, at);
}

/** `no tick for 3 intervals of 30 seconds, the last one 95 s ago`. Pure. */
export function missedText(cron: DrivenCron, lastTickAt: number | undefined, at: number): string {
  const last = lastTickAt === undefined ? "there was none yet" : `the last one ${ageOf(at - lastTickAt)} ago`;
  const missed = missedTicks({ cron, ...(lastTickAt === undefined ? {} : { lastTickAt }) }, at);
  return `no tick for ${missed} intervals of ${cron.interval.replace("-", " ")}, ${last}`;
}
