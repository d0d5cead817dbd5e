import { setTimeout as sleep } from "node:timers/promises";

/** Time as the monitor sees it; tests give one that runs faster. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds that only ever go forward, for measuring. */
  ticks(): number;
  /** Returns after so many milliseconds, or at once when the signal is given. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => Date.now(),
  ticks: () => performance.now(),
  async sleep(ms, signal) {
    await sleep(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
};
