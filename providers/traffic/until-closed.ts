import { setTimeout as sleep } from "node:timers/promises";
import { AWAIT_MS } from "../../src/fleet/snapshot/old-waits.ts";
import { callsOpen } from "./hand-over-messages.ts";

/** Milliseconds between two looks at whether a draining process still waits for replies. */
const POLL_MS = 200;

/** Looks again until nothing is open whose replies could still change the state. @throws FleetError CALLS_OPEN */
export async function untilClosed<T>(
  name: string,
  look: () => Promise<T>,
  open: (found: T) => number,
): Promise<T> {
  for (let waited = 0; waited < AWAIT_MS; waited += POLL_MS) {
    const found = await look();
    if (open(found) === 0) return found;
    await sleep(POLL_MS);
  }
  throw callsOpen(name, AWAIT_MS / 1000);
}
