/** A span of time that several steps share. Every wait takes it, so one number bounds a whole create. */
export interface Budget {
  /** Milliseconds left, never negative. */
  remaining(): number;
  /** The whole span in milliseconds, for messages. */
  readonly total: number;
  /** True once work was given up for want of this time, be it that a rest too short for another try is left. */
  readonly gaveUp?: { isSo: boolean };
}

export function budgetOf(seconds: number): Budget {
  const total = seconds * 1000;
  const end = performance.now() + total;
  return { total, remaining: () => Math.max(0, end - performance.now()), gaveUp: { isSo: false } };
}

/** A part of a budget: at most `seconds`, never more than what is left of the whole. */
export function within(budget: Budget, seconds: number): Budget {
  const total = Math.min(seconds * 1000, budget.remaining());
  const end = performance.now() + total;
  const remaining = () => Math.max(0, Math.min(end - performance.now(), budget.remaining()));
  // A part that was cut to what the whole has left speaks for the whole.
  return { total, remaining, ...(total < seconds * 1000 && budget.gaveUp ? { gaveUp: budget.gaveUp } : {}) };
}
