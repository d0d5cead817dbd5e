import { acquireLock, type FileLock } from "../../ao/journal/lock.ts";
import { FleetError } from "../../core/errors.ts";

/** Milliseconds to wait for another monitor to finish: one that cron started ends by itself. */
const WAIT_MS = 5000;

/**
 * Takes the lock that keeps a second monitor away: both would raise and send every alert. The lock of a dead monitor is taken over.
 *
 * @throws FleetError MONITOR_RUNNING, which names the other monitor
 */
export async function lockMonitor(path: string): Promise<FileLock> {
  try {
    return await acquireLock(`${path}.lock`, { patience: WAIT_MS });
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "JOURNAL_LOCKED") throw error;
    const { got } = error.problems[0];
    throw new FleetError({
      code: "MONITOR_RUNNING",
      what: "Another monitor already watches this stack. Two monitors would send every alert twice.",
      ...(got === undefined ? {} : { got }),
      expected: "one monitor per stack",
      remedy: "Stop the other monitor, or use its results: npx fleet alerts, npx fleet dashboard",
    });
  }
}
