/**
 * Tests of two samples: by ranks for latencies, by counts for errors. All tests are one-sided: is the second worse?
 */
import { errorFunction, gammaln, median as medianOf } from "simple-statistics";

/** Largest samples that are compared exactly; larger ones, and those with ties, use the normal approximation. */
const EXACT = 20;

/** P(Z ≤ z) of the standard normal distribution, to about 1e-7. */
export const normalCdf = (z: number): number => (1 + errorFunction(z / Math.SQRT2)) / 2;

interface Ranked {
  /** Pairs in which the second sample's value is larger; ties count one half. */
  readonly u: number;
  /** The probability of this or a larger difference if there is none. */
  readonly p: number;
  /** The probability that a value of the second sample is larger than one of the first; 0.5 means no difference. */
  readonly effect: number;
  readonly method: "exact" | "normal";
}

/**
 * The Mann-Whitney test (1947) whether `second` tends to be larger than `first`. Exact for small samples without ties, else
 * the normal approximation with corrections for ties and continuity. Both samples must have values.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): Ranked {
  const [n, m] = [first.length, second.length];
  const { rankSum, ties, tieTerm } = ranks(first, second);
  const u = rankSum - (m * (m + 1)) / 2;
  const effect = u / (n * m);
  if (!ties && n <= EXACT && m <= EXACT) return { u, p: exactTail(n, m, u), effect, method: "exact" };
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  // All values are equal: there is no difference.
  if (variance <= 0) return { u, p: 1, effect, method: "normal" };
  const z = (u - (n * m) / 2 - 0.5) / Math.sqrt(variance);
  return { u, p: 1 - normalCdf(z), effect, method: "normal" };
}

/** The second sample's sum of mid-ranks, and the correction of the variance for ties. */
function ranks(first: readonly number[], second: readonly number[]) {
  const all = [
    ...first.map((value) => ({ value, own: false })),
    ...second.map((value) => ({ value, own: true })),
  ];
  all.sort((a, b) => a.value - b.value);
  let [rankSum, tieTerm, ties] = [0, 0, false];
  for (let at = 0; at < all.length; ) {
    let end = at;
    while (end < all.length && all[end]?.value === all[at]?.value) end += 1;
    const size = end - at;
    const rank = (at + 1 + end) / 2;
    rankSum += rank * all.slice(at, end).filter(({ own }) => own).length;
    tieTerm += size ** 3 - size;
    ties ||= size > 1;
    at = end;
  }
  return { rankSum, ties, tieTerm };
}

/** P(U ≥ u) by counting the arrangements of n and m values for each U. */
function exactTail(n: number, m: number, u: number): number {
  const most = n * m;
  // ways[j][k]: arrangements of the values so far with j of the second sample and U = k.
  let ways = Array.from({ length: m + 1 }, (_, j) => (j === 0 ? [1] : []));
  for (let total = 1; total <= n + m; total += 1) {
    const next: number[][] = Array.from({ length: m + 1 }, () => []);
    for (let j = 0; j <= Math.min(m, total); j += 1) {
      const i = total - j;
      if (i > n) continue;
      const row = next[j] as number[];
      // The largest value is of the first sample and adds nothing, or of the second and exceeds all i of the first.
      if (i > 0)
        ways[j]?.forEach((count, k) => {
          row[k] = (row[k] ?? 0) + count;
        });
      if (j > 0)
        ways[j - 1]?.forEach((count, k) => {
          row[k + i] = (row[k + i] ?? 0) + count;
        });
    }
    ways = next;
  }
  const counts = ways[m] ?? [];
  const sum = (from: number) => {
    let result = 0;
    for (let k = from; k <= most; k += 1) result += counts[k] ?? 0;
    return result;
  };
  return sum(Math.max(0, Math.ceil(u))) / sum(0);
}

const lnChoose = (n: number, k: number): number => gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1);

/** P(X ≥ k) for n trials with probability p: is the share significantly above p? */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  let sum = 0;
  for (let i = k; i <= n; i += 1)
    sum += Math.exp(lnChoose(n, i) + i * Math.log(p) + (n - i) * Math.log1p(-p));
  return Math.min(1, sum);
}

/** The smallest rate with which so many events are not unlikely: one that is smaller has them with less than `1 - confidence` (Clopper and Pearson, 1934). */
export function lowestRate({ events, n }: { events: number; n: number }, confidence: number): number {
  let [low, high] = [0, n === 0 ? 0 : events / n];
  for (let i = 0; i < 30; i += 1) {
    const middle = (low + high) / 2;
    if (binomialTail(events, n, middle) < 1 - confidence) low = middle;
    else high = middle;
  }
  return low;
}

/** Fisher's exact test (1934): the probability that the second gets this many events or more if both have the same rate. */
export function fisher(first: { events: number; n: number }, second: { events: number; n: number }): number {
  const total = first.n + second.n;
  const events = first.events + second.events;
  const all = lnChoose(total, events);
  let sum = 0;
  for (let k = second.events; k <= Math.min(events, second.n); k += 1) {
    if (events - k > first.n) continue;
    sum += Math.exp(lnChoose(second.n, k) + lnChoose(first.n, events - k) - all);
  }
  return Math.min(1, sum);
}

/** The median; NaN for no values. */
export const median = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : medianOf(values);
