import { acquireLock, type FileLock } from "../../ao/journal/lock.ts";
import { FleetError } from "../../core/errors.ts";

/** Milliseconds that another monitor's round may take until it is called running: one for cron ends by itself. */
const PATIENCE = 5000;

/**
 * One monitor at a time: each would raise and send every alert again. A dead one's lock is taken over.
 *
 * @throws FleetError MONITOR_RUNNING, naming it
 */
export async function alone(path: string): Promise<FileLock> {
  try {
    return await acquireLock(`${path}.lock`, { patience: PATIENCE });
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "JOURNAL_LOCKED") throw error;
    const { got } = error.problems[0];
    throw new FleetError({
      code: "MONITOR_RUNNING",
      what: "Another monitor watches this stack: each of them would raise and send every alert again.",
      ...(got === undefined ? {} : { got }),
      expected: "one monitor of a stack",
      remedy:
        "Stop that one, or leave this one out: npx fleet alerts and npx fleet dashboard show what it found.",
    });
  }
}
