import { ageOf } from "../../core/age.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { CronOfMember } from "../../fleet/members/monitored-crons.ts";
import { LIMITS } from "../../monitor/limits.ts";
import { missedText, missedTicks } from "../../monitor/ticks.ts";
import { drivenCron } from "./driven-cron.ts";
import type { StatusRow } from "./status-row.ts";

/**
 * The rows with what is known about crons that the fleet's monitor drives: a row of a process that missed its latest ticks gets a reason.
 * The rows of other processes stay the same.
 */
export async function markTicks(
  fleet: FleetSession,
  rows: readonly StatusRow[],
  crons: ReadonlyMap<string, CronOfMember>,
  now: number,
): Promise<StatusRow[]> {
  const { ao } = fleet.session;
  if (crons.size === 0) return [...rows];
  const members = new Map(servingIn(fleet).map((member) => [member.processId, member]));
  return Promise.all(
    rows.map(async (row) => {
      const member = members.get(row.processId);
      const isAnswer = row.code === undefined && row.of === undefined;
      if (member === undefined || !isAnswer) return row;
      const said = row.lastTickAt === undefined ? {} : { lastTickAt: Date.parse(row.lastTickAt) };
      const reading = { ...said, ...(await drivenCron(ao, member, crons.get(row.name), now)) };
      const { cron, lastTickAt } = reading;
      if (cron === undefined) return row;
      const missed = missedTicks(reading, now) >= LIMITS.missedTicks;
      return {
        ...row,
        ...(lastTickAt === undefined ? {} : { lastTickAt: new Date(lastTickAt).toISOString() }),
        reasons: missed
          ? [...row.reasons, `${missedText(cron, lastTickAt, now)}: is fleet monitor --tick running?`]
          : row.reasons,
      };
    }),
  );
}

/** `last tick 12 s ago`; empty for a process without one. Pure. */
export const lastTickText = (lastTickAt: string | null | undefined, now: number): string =>
  lastTickAt ? `last tick ${ageOf(now - Date.parse(lastTickAt))} ago` : "";
