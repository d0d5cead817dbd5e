import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { say } from "../run/progress.ts";
import type { Session } from "../run/session.ts";
import type { Place } from "./health.ts";
import type { ProcessInputs } from "./schema.ts";

/** Seconds that a messenger unit may take to begin or to end it. */
const PATIENCE = 60;

/** Has the crons driven that a process was spawned with. What cannot be read back is asked for at every create and update. */
export async function driveCron(
  session: Session,
  { name, processId }: Place,
  { tags, adopt }: Pick<ProcessInputs, "tags" | "adopt">,
  budget: Budget,
): Promise<void> {
  // An adopted process has the tags that it was spawned with.
  if (adopt !== undefined || tags["Cron-Interval"] === undefined) return;
  const isDriven = await session.ao.monitor({ processId, on: true }, within(budget, PATIENCE));
  const every = `every ${tags["Cron-Interval"].replace("-", " ")}`;
  await say(
    session,
    name,
    "cron",
    isDriven ? every : `${every} is declared, and the network's messenger unit drives no crons`,
  );
}

/** Nothing is left to be driven in a retired process. A unit that does not end it sends ticks that are refused: no reason to fail. */
export async function stopCron(
  session: Session,
  { name, processId }: Place,
  tags: ProcessInputs["tags"],
  budget: Budget,
): Promise<void> {
  if (tags["Cron-Interval"] === undefined) return;
  try {
    await session.ao.monitor({ processId, on: false }, within(budget, PATIENCE));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    await say(session, name, "cron", `may still be driven [${error.code}]`);
  }
}
