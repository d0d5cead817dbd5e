import { acquireLock, type FileLock } from "../../ao/journal/lock.ts";
import { FleetError, type Problem } from "../../core/errors.ts";

/** Milliseconds to wait for another monitor to finish: one that cron started ends by itself. */
const WAIT_MS = 5000;

/**
 * Takes the lock that keeps a second monitor away: both would raise and send every alert. The lock of a dead monitor is taken over. Its
 * `assertHeld` throws MONITOR_LOST once another monitor has it.
 *
 * @throws FleetError MONITOR_RUNNING, which names the other monitor
 */
export async function lockMonitor(path: string): Promise<FileLock> {
  const lock = await acquireLock(`${path}.lock`, { patience: WAIT_MS }).catch((error: unknown) => {
    throw explained(error, "JOURNAL_LOCKED", {
      code: "MONITOR_RUNNING",
      what: "Another monitor already watches this stack. Two monitors would send every alert twice.",
      remedy: "Stop the other monitor, or use its results: npx fleet alerts, npx fleet dashboard",
    });
  });
  return {
    release: () => lock.release(),
    assertHeld() {
      try {
        lock.assertHeld();
      } catch (error) {
        throw explained(error, "JOURNAL_LOST", {
          code: "MONITOR_LOST",
          what: "This monitor no longer has its lock, as after it was suspended while another one started. Two monitors would send every alert twice.",
          remedy: "Use the other monitor, or stop it and start this one again.",
        });
      }
    },
  };
}

/** The lock's error in the monitor's words; any other error as it is. */
function explained(error: unknown, code: string, problem: Pick<Problem, "code" | "what" | "remedy">) {
  if (!(error instanceof FleetError) || error.code !== code) return error;
  const { got } = error.problems[0];
  return new FleetError({
    ...problem,
    ...(got === undefined ? {} : { got }),
    expected: "one monitor per stack",
  });
}
