/** A time limit that several steps share: every wait is bounded by it, so one number bounds a whole create. */
export interface Budget {
  /** Milliseconds left, never negative. */
  remaining(): number;
  /** The whole time limit in milliseconds, for messages. */
  readonly total: number;
  /** True once work was abandoned for lack of time, even if some is left that is too short for another attempt. */
  readonly gaveUp?: { isSo: boolean };
}

export function budgetOf(seconds: number): Budget {
  const total = seconds * 1000;
  const end = performance.now() + total;
  return { total, remaining: () => Math.max(0, end - performance.now()), gaveUp: { isSo: false } };
}

/** A part of a budget: at most `seconds`, and never more than the whole has left. */
export function within(budget: Budget, seconds: number): Budget {
  const total = Math.min(seconds * 1000, budget.remaining());
  const end = performance.now() + total;
  const remaining = () => Math.max(0, Math.min(end - performance.now(), budget.remaining()));
  // A part that is limited by the whole's remaining time reports to the whole.
  return { total, remaining, ...(total < seconds * 1000 && budget.gaveUp ? { gaveUp: budget.gaveUp } : {}) };
}
