import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../core/budget.ts";
import type { Performance } from "./report.ts";

/** An open load: requests are sent when they are due, whether or not earlier ones were answered. */
interface Load {
  /** Requests per second. */
  readonly rate: number;
  readonly seconds: number;
  readonly budget: Budget;
  /** Sends the n-th request, from 0. Resolves on a valid answer, rejects otherwise. */
  readonly request: (n: number) => Promise<void>;
  /** The code of a failed request. */
  readonly codeOf: (error: unknown) => string;
}

/** One request. Times are milliseconds since the start of the load. */
export interface Sample {
  readonly n: number;
  readonly due: number;
  readonly done: number;
  /** Why it failed; absent on success. */
  readonly code?: string;
}

/** The most requests that may wait for an answer. Beyond that a due request fails, because the fleet cannot sustain the rate. */
const MAX_WAITING = 500;

/**
 * Runs a load. A request's time counts from when it was due, not from when it was sent: a fleet that stalls must not look fast because few
 * requests were sent meanwhile (coordinated omission).
 */
export async function runLoad({ rate, seconds, budget, request, codeOf }: Load): Promise<Sample[]> {
  const start = performance.now();
  const samples: Sample[] = [];
  const waiting = new Set<Promise<void>>();
  const total = Math.max(1, Math.round(rate * seconds));
  for (let n = 0; n < total && budget.remaining() > 0; n += 1) {
    const due = (n * 1000) / rate;
    const early = due - (performance.now() - start);
    if (early > 0) await sleep(Math.min(early, budget.remaining()));
    if (waiting.size >= MAX_WAITING) {
      samples.push({ n, due, done: performance.now() - start, code: "OVERLOADED" });
      continue;
    }
    const sent: Promise<void> = request(n).then(
      () => void samples.push({ n, due, done: performance.now() - start }),
      (error: unknown) => void samples.push({ n, due, done: performance.now() - start, code: codeOf(error) }),
    );
    const tracked = sent.finally(() => waiting.delete(tracked));
    waiting.add(tracked);
  }
  await Promise.all(waiting);
  return samples.sort((a, b) => a.n - b.n);
}

/** The figures of samples. Times are those of successful requests. Pure. */
export function figuresOf(samples: readonly Sample[]): Performance {
  const good = samples.filter(({ code }) => code === undefined);
  const times = good.map(({ due, done }) => Math.max(0, done - due));
  const histogram = createHistogram();
  for (const ms of times) histogram.record(Math.max(1, Math.round(ms * 1000)));
  const percentile = (p: number) => (times.length === 0 ? 0 : round(histogram.percentile(p) / 1000));
  // Processes choose the codes.
  const failures = new Map<string, number>();
  for (const { code } of samples) if (code !== undefined) failures.set(code, (failures.get(code) ?? 0) + 1);
  const end = Math.max(0, ...samples.map(({ done }) => done));
  const begin = Math.min(...samples.map(({ due }) => due), end);
  const seconds = Math.max(0.001, (end - begin) / 1000);
  const failed = samples.length - good.length;
  return {
    requests: samples.length,
    succeeded: good.length,
    failed,
    successRate: samples.length === 0 ? 0 : round((good.length / samples.length) * 100),
    errorRate: samples.length === 0 ? 0 : round(failed / samples.length, 4),
    averageMs: times.length === 0 ? 0 : round(times.reduce((sum, ms) => sum + ms, 0) / times.length),
    minMs: times.length === 0 ? 0 : round(Math.min(...times)),
    maxMs: times.length === 0 ? 0 : round(Math.max(...times)),
    p50Ms: percentile(50),
    p95Ms: percentile(95),
    p99Ms: percentile(99),
    requestsPerSecond: round(samples.length / seconds),
    durationSeconds: round(seconds),
    failures: Object.fromEntries(failures),
  };
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
