import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../core/budget.ts";
import type { Performance } from "./report.ts";

/** A load: so many requests a second, sent when they are due whether or not earlier ones were answered. */
interface Load {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly budget: Budget;
  /** Sends the n-th request, from 0; resolves when its answer is good, rejects with what was wrong. */
  readonly request: (n: number) => Promise<void>;
  /** Says in one word why a request failed. */
  readonly codeOf: (error: unknown) => string;
}

/** One request: times in milliseconds since the load began. */
export interface Sample {
  readonly n: number;
  readonly due: number;
  readonly done: number;
  /** Why it failed; absent when it did not. */
  readonly code?: string;
}

/** Requests that may wait at once; beyond, a due one is a failure of its own: the fleet cannot take the rate. */
const MOST_WAITING = 500;

/**
 * Runs a load to its end. A time counts from when a request was due, not from when there was room for it: a fleet that stalls must not
 * look fast because nothing was asked of it meanwhile.
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
    if (waiting.size >= MOST_WAITING) {
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

/** Figures of samples; the times are those of requests that succeeded. Pure. */
export function figuresOf(samples: readonly Sample[]): Performance {
  const good = samples.filter(({ code }) => code === undefined);
  const times = good.map(({ due, done }) => Math.max(0, done - due));
  const histogram = createHistogram();
  for (const ms of times) histogram.record(Math.max(1, Math.round(ms * 1000)));
  const percentile = (p: number) => (times.length === 0 ? 0 : round(histogram.percentile(p) / 1000));
  const failures: Record<string, number> = {};
  for (const { code } of samples) if (code !== undefined) failures[code] = (failures[code] ?? 0) + 1;
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
    failures,
  };
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
