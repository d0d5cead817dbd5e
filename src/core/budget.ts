/** A time limit that several steps share: every wait is bounded by it, so one number bounds a whole create. */
export interface Budget {
  /** Milliseconds left, never negative. */
  remaining(): number;
  /** The whole time limit in milliseconds, for messages. */
  readonly total: number;
  /** True once work was abandoned for lack of time, even if some is left that is too short for another attempt. */
  readonly gaveUp?: { isSo: boolean };
  /** Whether the same command continues the work if it is run again, as a deployment does. @default it starts again */
  readonly continues?: true;
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
  const gaveUp = total < seconds * 1000 && budget.gaveUp ? { gaveUp: budget.gaveUp } : {};
  return { total, remaining, ...gaveUp, ...continuedAs(budget) };
}

/** What a budget that is made from another one has of it. */
export const continuedAs = ({ continues }: Budget): Pick<Budget, "continues"> =>
  continues ? { continues } : {};

/** A budget for work whose extent shows on the way. */
export interface GrowingBudget extends Budget {
  /** A step succeeded: the whole may take longer by the seconds of one. */
  grow(): void;
  /** The time limit of one step: never more than the first budget had in total, or than the whole has left. */
  step(): Budget;
}

/**
 * A time limit for work in steps whose number is not known: what is left of the budget, and `seconds` more for each step that succeeded.
 * Work that makes progress goes on; its whole time is still bounded by its number of steps.
 */
export function growing(budget: Budget, seconds: number): GrowingBudget {
  let total = budget.total;
  let end = performance.now() + budget.remaining();
  const whole = {
    get total() {
      return total;
    },
    remaining: () => Math.max(0, end - performance.now()),
    ...(budget.gaveUp ? { gaveUp: budget.gaveUp } : {}),
    ...continuedAs(budget),
    grow: () => {
      total += seconds * 1000;
      end += seconds * 1000;
    },
    step: (): Budget => within(whole, budget.total / 1000),
  };
  return whole;
}
