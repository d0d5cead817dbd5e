import type { Ao } from "../../ao/port.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { CronOfMember } from "../../fleet/members/monitored-crons.ts";
import type { Reading } from "../../monitor/reading.ts";
import { latestTick } from "../tick/sent-ticks.ts";

/** Seconds for reading the message order of a process. */
const SECONDS = 15;

/** Intervals back from now in which a tick is looked for. */
const REACH = 10;

/**
 * The cron of a process that answered, if the monitor drives it. A process without the library does not say when it last ticked: that is
 * read from the order of its messages. Empty if that cannot be read.
 */
export async function drivenCron(
  ao: Pick<Ao, "address" | "latest" | "range">,
  member: Pick<Member, "processId" | "lib">,
  declared: CronOfMember | undefined,
  now: number,
): Promise<Pick<Reading, "cron" | "lastTickAt">> {
  if (declared === undefined) return {};
  const { interval, everyMs, since } = declared;
  const cron = { interval, everyMs, ...(since === undefined ? {} : { since }) };
  if (!runsWithoutLibrary(member)) return { cron };
  try {
    const part = { processId: member.processId, from: 1, since: now - REACH * everyMs };
    const { latest } = await latestTick(ao, part, budgetOf(SECONDS));
    return latest === undefined ? { cron } : { cron, lastTickAt: latest.at || latest.scheduledAt };
  } catch (error) {
    if (error instanceof FleetError) return {};
    throw error;
  }
}
