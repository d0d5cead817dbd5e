import { budgetOf } from "../../core/budget.ts";
import { AWAIT_MS } from "../../fleet/snapshot/old-waits.ts";
import { callsOpen } from "./failures.ts";

/** Seconds that the open calls of an old process, or handlers that wait, may take. */
const OPEN_CALLS_SECONDS = AWAIT_MS / 1000;
/** Seconds between two looks. */
const POLL_SECONDS = 0.2;

/**
 * Looks again until nothing of a process is open whose reply could still change its state. The last look begins when the time is over: an
 * export of a large state can take longer than the time, and show what was open when it began.
 *
 * @param pause waits for a number of seconds
 * @throws FleetError CALLS_OPEN
 */
export async function untilClosed<T>(
  name: string,
  look: () => Promise<T>,
  open: (found: T) => number,
  pause: (seconds: number) => Promise<void>,
): Promise<T> {
  const wait = budgetOf(OPEN_CALLS_SECONDS);
  for (;;) {
    const isLast = wait.remaining() === 0;
    const found = await look();
    if (open(found) === 0) return found;
    if (isLast) throw callsOpen(name, OPEN_CALLS_SECONDS);
    await pause(POLL_SECONDS);
  }
}
