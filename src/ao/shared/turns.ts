import type { Budget } from "../../core/budget.ts";
import { type Limiter, limiterOf } from "../limiter.ts";
import { gaveUpWaiting } from "../retry.ts";

/** Runs the tasks of one id one after another: no item is posted by two sends at the same time. */
export class Turns {
  readonly #turns = new Map<string, { readonly limiter: Limiter; users: number }>();

  /** Whether a task of this id runs or waits. */
  has(id: string): boolean {
    return this.#turns.has(id);
  }

  /**
   * Runs the task after all earlier ones of this id, whether they failed or not.
   *
   * @param what the task in the user's terms, after "Gave up on": "sending message …"
   * @param budget the longest wait for the turn. A task whose wait ends is never run
   * @throws FleetError `BUDGET_SPENT`, transient, if the earlier ones did not end in time
   */
  async run<T>(id: string, what: string, budget: Budget, task: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(id) ?? { limiter: limiterOf(1), users: 0 };
    this.#turns.set(id, turn);
    turn.users += 1;
    try {
      return await turn.limiter.run(budget.remaining(), task, () =>
        gaveUpWaiting(what, budget, "another send of the same item is under way"),
      );
    } finally {
      turn.users -= 1;
      if (turn.users === 0) this.#turns.delete(id);
    }
  }
}
