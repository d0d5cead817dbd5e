/** The longest delay of a timer in milliseconds. Node fires a timer with a longer delay after 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** A delay that a timer can wait for: at most the longest, 24.8 days. Pure. */
export const timerDelay = (milliseconds: number): number => Math.min(milliseconds, LONGEST_DELAY_MS);
