import type { Clock } from "./clock.ts";
import type { Monitor, RoundResult } from "./monitor.ts";

/** Runs tasks until all have ended. When one ends or fails, the others are told to end too. */
export async function together(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const results = await Promise.allSettled(tasks.map((task) => task(either).finally(() => over.abort())));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** Runs rounds at a fixed interval. After a slow round the next one starts at once; missed rounds are not made up. */
export async function repeat(
  monitor: Monitor,
  clock: Clock,
  signal: AbortSignal,
  rounds: number | undefined,
  each: (result: RoundResult) => void,
): Promise<void> {
  for (let n = 1; !signal.aborted; n += 1) {
    const started = clock.now();
    each(await monitor.round());
    if (n === rounds) return;
    await clock.sleep(Math.max(0, started + monitor.intervalMs - clock.now()), signal);
  }
}
