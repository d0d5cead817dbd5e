import { setTimeout as sleep } from "node:timers/promises";
import { timerDelay } from "../../core/timers.ts";

/** The monitor's clock; tests provide a faster one. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  ticks(): number;
  /** Waits for a number of milliseconds, at most 24.8 days, or until the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => Date.now(),
  ticks: () => performance.now(),
  async sleep(ms, signal) {
    await sleep(timerDelay(ms), undefined, signal ? { signal } : {}).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
};
