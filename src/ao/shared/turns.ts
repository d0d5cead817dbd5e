/** Runs the tasks of one id one after another: no item is posted by two sends at the same time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Whether a task of this id runs or waits. */
  has(id: string): boolean {
    return this.#last.has(id);
  }

  /** Runs the task after all earlier ones of this id, whether they failed or not. */
  async run<T>(id: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(id) ?? Promise.resolve()).then(task, task);
    this.#last.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(id) === turn) this.#last.delete(id);
    }
  }
}
