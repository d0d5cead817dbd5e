import type { Ao, Scheduled } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { scheduledIn } from "../../fleet/crons.ts";

/** A tick in the message order of a process. */
export interface SentTick {
  readonly messageId: string;
  /** The time for which it was sent, in milliseconds since 1970. */
  readonly scheduledAt: number;
  /** The scheduler's time. */
  readonly at: number;
}

/** What was read of a process' order. */
interface ReadTicks {
  /** The tick for the latest time; undefined if there is none in the part that was read. */
  readonly latest?: SentTick;
  /** The first slot that was not read. */
  readonly next: number;
}

/** Messages per read. */
const PAGE = 100;

/** Milliseconds that a scheduler's clock may be behind ours. */
const CLOCK_SKEW = 10 * 60_000;

/**
 * The latest tick that this wallet sent to a process, by this monitor or by another one: reads the order from its end backwards, down to a
 * page with a tick, or to messages that are older than `since`.
 *
 * @param from a slot before which nothing has to be read
 */
export async function latestTick(
  ao: Pick<Ao, "address" | "latest" | "range">,
  { processId, from, since }: { readonly processId: string; readonly from: number; readonly since: number },
  budget: Budget,
): Promise<ReadTicks> {
  const newest = await ao.latest(processId, budget);
  if (newest === undefined) return { next: from };
  const next = Math.max(from, newest + 1);
  for (let to = newest; to >= from; to -= PAGE) {
    const page = await ao.range({ processId, from: Math.max(from, to - PAGE + 1), to }, budget);
    const latest = latestIn(page, ao.address);
    if (latest !== undefined) return { latest, next };
    const oldest = page[0];
    if (oldest !== undefined && oldest.timestamp > 0 && oldest.timestamp < since - CLOCK_SKEW) break;
  }
  return { next };
}

function latestIn(page: readonly Scheduled[], wallet: string): SentTick | undefined {
  let latest: SentTick | undefined;
  for (const message of page) {
    const scheduledAt = scheduledIn(message, wallet);
    if (scheduledAt === undefined || scheduledAt <= (latest?.scheduledAt ?? 0)) continue;
    latest = { messageId: message.messageId, scheduledAt, at: message.timestamp };
  }
  return latest;
}
