/** Repeatable random numbers: the same seed makes the same sequence. */
export interface Rng {
  /** Uniform in [0, 1). */
  next(): number;
}

/** mulberry32: 32 bits of state, enough to choose which call fails. */
export function rngOf(seed: number): Rng {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/**
 * A span of milliseconds: a fixed one, or drawn between `min` and `max`.
 * With `tail`, that share of the draws (0–1) takes `tailMs` instead, like a unit that is cold.
 */
export type Span =
  | number
  | { readonly min: number; readonly max: number; readonly tail?: number; readonly tailMs?: number };

/** Draws one span. */
export function draw(span: Span | undefined, rng: Rng): number {
  if (span === undefined) return 0;
  if (typeof span === "number") return span;
  if (span.tail !== undefined && span.tailMs !== undefined && rng.next() < span.tail) return span.tailMs;
  return span.min + rng.next() * (span.max - span.min);
}
