import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ProcessInputs } from "./schema.ts";

/** Seconds that a messenger unit may take to start or stop driving a cron. */
const MONITOR_SECONDS = 60;

type Wanted = Pick<ProcessInputs, "tags" | "adopt">;

const intervalOf = ({ tags, adopt }: Wanted): string | undefined =>
  // An adopted process keeps the tags that it was spawned with.
  adopt === undefined ? tags["Cron-Interval"] : undefined;

/**
 * Asks the messenger unit to drive a process' crons. Whether it does cannot be read back, so this is repeated at every create, update and
 * refresh.
 */
export async function driveCron(
  session: Session,
  { name, processId }: ProcessRef,
  wanted: Wanted,
  before: Wanted | undefined,
  budget: Budget,
): Promise<void> {
  const interval = intervalOf(wanted);
  if (interval === undefined) {
    if (before && intervalOf(before) !== undefined)
      await stopCron(session, { name, processId }, before.tags, budget);
    return;
  }
  const isDriven = await session.ao.monitor({ processId, on: true }, within(budget, MONITOR_SECONDS));
  const every = `every ${interval.replace("-", " ")}`;
  await reportStep(
    session,
    name,
    "cron",
    isDriven ? every : `${every} is declared, but the network's messenger unit does not drive crons`,
  );
}

/**
 * Asks for the crons again during a refresh: a messenger unit that lost its cache stops driving them silently. A failure is not a finding
 * about the process.
 */
export async function askForCronAgain(
  session: Session,
  place: ProcessRef,
  wanted: Wanted,
  budget: Budget,
): Promise<void> {
  if (intervalOf(wanted) === undefined) return;
  try {
    await driveCron(session, place, wanted, undefined, budget);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    await reportStep(
      session,
      place.name,
      "cron",
      `may not be driven [${error.code}]; the next refresh asks again`,
    );
  }
}

/** Asks the messenger unit to stop the crons of a retired process. A failure is only reported: the process refuses further ticks. */
export async function stopCron(
  session: Session,
  { name, processId }: Pick<ProcessRef, "name" | "processId">,
  tags: ProcessInputs["tags"],
  budget: Budget,
): Promise<void> {
  if (tags["Cron-Interval"] === undefined) return;
  try {
    await session.ao.monitor({ processId, on: false }, within(budget, MONITOR_SECONDS));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    await reportStep(session, name, "cron", `may still be driven [${error.code}]`);
  }
}
