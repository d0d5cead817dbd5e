import { budgetOf } from "../../core/budget.ts";
import type { FleetError } from "../../core/errors.ts";
import { AWAIT_MS } from "./old-waits.ts";

/** Seconds between two looks. */
const POLL_SECONDS = 0.2;

/** What is looked at, and how. */
interface Look<T> {
  look(): Promise<T>;
  /** The number of open calls or waiting handlers in what was found. */
  open(found: T): number;
  /** Waits for a number of seconds. */
  pause(seconds: number): Promise<void>;
  /** The error CALLS_OPEN. @param seconds that it was waited for */
  failure(seconds: number): FleetError;
}

/**
 * Looks again until nothing of a process is open whose reply could still change its state. The last look begins when the time is over: an
 * export of a large state can take longer than the time, and show what was open when it began.
 *
 * @throws FleetError `failure`
 */
export async function untilClosed<T>({ look, open, pause, failure }: Look<T>): Promise<T> {
  const wait = budgetOf(AWAIT_MS / 1000);
  for (;;) {
    const isLast = wait.remaining() === 0;
    const found = await look();
    if (open(found) === 0) return found;
    if (isLast) throw failure(AWAIT_MS / 1000);
    await pause(POLL_SECONDS);
  }
}
