import type { Ao } from "../../ao/port.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { CronOfMember } from "../../fleet/members/monitored-crons.ts";
import type { Reading } from "../../monitor/reading.ts";
import { SentTicks } from "../tick/sent-ticks.ts";

/** Seconds for reading the message order of a process. */
const SECONDS = 15;

/** Intervals back from now in which a tick is looked for. */
const REACH = 10;

/**
 * The cron of a process that answered, if the monitor drives it. A process without the library does not say when it last ticked: that is
 * read from the order of its messages, and unknown (`ticksUnread`) if that cannot be read.
 *
 * @param orders process → what earlier calls read of its order
 */
export async function drivenCron(
  ao: Pick<Ao, "address" | "latest" | "range">,
  member: Pick<Member, "processId" | "lib">,
  declared: CronOfMember | undefined,
  now: number,
  orders: Map<string, SentTicks> = new Map(),
): Promise<Pick<Reading, "cron" | "lastTickAt" | "ticksUnread">> {
  if (declared === undefined) return {};
  const { interval, everyMs, since } = declared;
  const cron = { interval, everyMs, ...(since === undefined ? {} : { since }) };
  if (!runsWithoutLibrary(member)) return { cron };
  const order = orders.get(member.processId) ?? new SentTicks(member.processId);
  orders.set(member.processId, order);
  try {
    const latest = await order.readLatest(ao, now - REACH * everyMs, budgetOf(SECONDS));
    return latest === undefined ? { cron } : { cron, lastTickAt: latest.at || latest.scheduledAt };
  } catch (error) {
    if (error instanceof FleetError) return { ticksUnread: true };
    throw error;
  }
}
