/**
 * What can be said of two samples: ranks for latencies, counts for errors. All tests are one-sided: is the second worse?
 */
import { errorFunction, gammaln } from "simple-statistics";

/** Samples that are compared exactly; larger ones, and any with ties, by the normal approximation. */
const EXACT = 20;

/** P(Z ≤ z) of the standard normal distribution, to about 1e-7. */
export const normalCdf = (z: number): number => (1 + errorFunction(z / Math.SQRT2)) / 2;

interface Ranked {
  /** Pairs in which the second sample's value is the larger one; ties count a half. */
  readonly u: number;
  /** How likely a difference like this, or a larger one, is when there is none. */
  readonly p: number;
  /** How likely a value of the second sample is larger than one of the first: 0.5 is no difference. */
  readonly effect: number;
  readonly method: "exact" | "normal";
}

/**
 * Mann and Whitney's test whether `second` tends to be larger than `first` (1947). Exact for small samples without ties, else
 * the normal approximation with corrections for ties and continuity. Both must have values.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): Ranked {
  const [n, m] = [first.length, second.length];
  const { rankSum, ties, tieTerm } = ranks(first, second);
  const u = rankSum - (m * (m + 1)) / 2;
  const effect = u / (n * m);
  if (!ties && n <= EXACT && m <= EXACT) return { u, p: exactTail(n, m, u), effect, method: "exact" };
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  // All values are the same: nothing speaks for a difference.
  if (variance <= 0) return { u, p: 1, effect, method: "normal" };
  const z = (u - (n * m) / 2 - 0.5) / Math.sqrt(variance);
  return { u, p: 1 - normalCdf(z), effect, method: "normal" };
}

/** The second sample's sum of mid-ranks, and what ties take from the variance. */
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

/** P(U ≥ u) by counting: how many of the arrangements of n and m values have each U. */
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
      // The largest value is of the first sample: it adds nothing. Or of the second: it beats all i of the first.
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

/** P(X ≥ k) for n trials of chance p: is the share above p by more than luck? */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  let sum = 0;
  for (let i = k; i <= n; i += 1)
    sum += Math.exp(lnChoose(n, i) + i * Math.log(p) + (n - i) * Math.log1p(-p));
  return Math.min(1, sum);
}

/** Fisher's exact test (1934): how likely the second gets so many of the events, or more, when both have the same chance. */
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

/** The middle value; of none, NaN. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  const upper = sorted[Math.floor(half)] as number;
  return Number.isInteger(half) ? (upper + (sorted[half - 1] as number)) / 2 : upper;
}
