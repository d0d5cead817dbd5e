import type { Clock } from "./clock.ts";

/** Asks no more often than the units allow. */
export interface Pace {
  /** Returns when the next read may be sent. */
  turn(): Promise<void>;
  /** Milliseconds that so many reads take at least, once the allowance of a minute is spent. */
  least(reads: number): number;
}

/** At most so many reads in any minute; without a number there is no bound. */
export function paceOf(perMinute: number | undefined, clock: Clock): Pace {
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
