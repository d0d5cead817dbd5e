/** When something last happened to each id, for as long as it matters: an older time is forgotten. */
export class RecentTimes {
  readonly #span: number;
  /** Oldest first. */
  readonly #times = new Map<string, number>();

  /** @param span milliseconds after which a time no longer matters */
  constructor(span: number) {
    this.#span = span;
  }

  get size(): number {
    return this.#times.size;
  }

  /** @param now as `performance.now()` */
  note(id: string, now = performance.now()): void {
    this.#times.delete(id);
    this.#times.set(id, now);
    for (const [older, time] of this.#times) {
      if (time + this.#span >= now) break;
      this.#times.delete(older);
    }
  }

  of(id: string): number | undefined {
    return this.#times.get(id);
  }
}
