import type { Clock } from "../../src/operations/observe/clock.ts";

/** A clock that only its test turns: `pass` moves the time, `measure` the ticks that a measurement reads. */
export function turnedClock(): Clock & { pass(ms: number): void; measure(ms: number): void } {
  let now = Date.now();
  let ticks = 0;
  const pass = (ms: number) => {
    now += ms;
  };
  return {
    now: () => now,
    ticks: () => ticks,
    sleep: async (ms) => pass(ms),
    pass,
    measure: (ms) => {
      ticks += ms;
    },
  };
}
