/** Lets at most so many tasks run at once, in the order in which they came. */
export interface Limiter {
  /**
   * Waits for a free place and runs the task in it.
   *
   * @param patience milliseconds to wait for a place
   * @throws whatever the task throws; `onFull()` when no place came free in time
   */
  run<T>(patience: number, task: () => Promise<T>, onFull: () => Error): Promise<T>;
}

/** @param places tasks at once; at least 1 */
export function limiterOf(places: number): Limiter {
  let free = Math.max(1, Math.floor(places));
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
      }, patience);
      waiting.push(enter);
    });
  }

  function leave(): void {
    // The place is handed on, not freed: nobody can take it in between.
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
