import { timerDelay } from "../core/timers.ts";

/** Limits how many tasks run at the same time; waiting tasks start in order of arrival. */
export interface Limiter {
  /**
   * Waits for a free slot and runs the task.
   *
   * @param patience milliseconds to wait for a slot
   * @throws whatever the task throws; `onFull()` if no slot became free in time
   */
  run<T>(patience: number, task: () => Promise<T>, onFull: () => Error): Promise<T>;
}

/** @param slots tasks at the same time; at least 1 */
export function limiterOf(slots: number): Limiter {
  let free = Math.max(1, Math.floor(slots));
  const waiting: (() => void)[] = [];

  async function take(patience: number, onFull: () => Error): Promise<void> {
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(onFull());
      }, timerDelay(patience));
      waiting.push(enter);
    });
  }

  function leave(): void {
    // The slot is handed over, not freed, so no other task can take it in between.
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }

  return {
    async run(patience, task, onFull) {
      await take(patience, onFull);
      try {
        return await task();
      } finally {
        leave();
      }
    },
  };
}
