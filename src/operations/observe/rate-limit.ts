import type { Clock } from "./clock.ts";

/** Limits the rate of reads. */
export interface RateLimit {
  /** Returns when the next read may be sent. */
  turn(): Promise<void>;
  /** Milliseconds that a number of reads takes at least, in the long run. */
  least(reads: number): number;
}

/** At most `perMinute` reads in any minute; undefined means no limit. */
export function rateLimitOf(perMinute: number | undefined, clock: Clock): RateLimit {
  if (perMinute === undefined) return { turn: async () => {}, least: () => 0 };
  const recent: number[] = [];
  let line: Promise<void> = Promise.resolve();
  return {
    turn() {
      line = line.then(async () => {
        const [oldest] = recent;
        if (recent.length >= perMinute && oldest !== undefined) {
          await clock.sleep(Math.max(0, oldest + 60_000 - clock.now()));
          recent.shift();
        }
        recent.push(clock.now());
      });
      return line;
    },
    least: (reads) => (reads / perMinute) * 60_000,
  };
}
