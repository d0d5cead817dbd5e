import type { FleetSession } from "../../fleet/fleet-session.ts";
import { realClock } from "../observe/clock.ts";
import { assertTickable, TickedProcesses } from "./ticked.ts";
import { Ticker } from "./ticker.ts";

/** Sends the ticks of a fleet's crons. */
export interface CronClock {
  readonly ticker: Ticker;
  readonly ticked: TickedProcesses;
}

/**
 * The clock of a fleet's crons.
 *
 * @param fleet one with a journal of its own: other commands and deployments run at the same time
 */
export async function cronClockOf(fleet: FleetSession, note: (line: string) => void): Promise<CronClock> {
  await assertTickable(fleet);
  const ticked = new TickedProcesses(fleet);
  const now = await ticked.now();
  if (now.length === 0) note("no member has a cron that the monitor drives (cronDriver: monitor)");
  for (const { name, cron } of now) note(`${name}: a tick every ${cron.interval.replace("-", " ")}`);
  const { session } = fleet;
  return { ticked, ticker: new Ticker({ session, clock: realClock, ticked: () => ticked.now(), note }) };
}
