import type { StoredReading } from "./store.ts";

/** The guide's performance figures, as measured by the monitor. Null if nothing was measured. */
export interface Performance {
  /** Average response time of health checks in the window, in milliseconds. */
  readonly messageProcessingTime: number | null;
  /** 95th percentile of the response time, in milliseconds. */
  readonly messageProcessingTimeP95: number | null;
  /** Messages per minute, all processes together. */
  readonly throughput: number | null;
  /** Share of requests that ended in an error. */
  readonly errorRate: number | null;
  /** Lua heap of the ledger's process, in megabytes. */
  readonly coordinatorMemoryUsage: number | null;
  /** Always null: AO does not report it. */
  readonly coordinatorCpuUsage: null;
  /** Share of the rounds in which a process was up (HEALTHY or DEGRADED). */
  readonly availability: number | null;
}

/** Figures over the stored rows of a window, oldest first. Pure. */
export function performanceOf(rows: readonly StoredReading[], coordinatorHeapKB?: number): Performance {
  const answers = rows.flatMap(({ responseMs }) => (responseMs === undefined ? [] : [responseMs]));
  const deltas = rows.flatMap(({ delta }) => (delta === undefined ? [] : [delta]));
  const known = rows.filter(({ state }) => state !== "UNKNOWN");
  const messages = sum(deltas.map((delta) => delta.messages));
  const minutes = ((rows.at(-1)?.at ?? 0) - (rows[0]?.at ?? 0)) / 60_000;
  return {
    messageProcessingTime: answers.length === 0 ? null : round(sum(answers) / answers.length),
    messageProcessingTimeP95: answers.length === 0 ? null : round(percentile(answers, 0.95)),
    throughput: minutes === 0 || deltas.length === 0 ? null : round(messages / minutes),
    errorRate: messages === 0 ? null : sum(deltas.map((delta) => delta.errors)) / messages,
    coordinatorMemoryUsage: coordinatorHeapKB === undefined ? null : round(coordinatorHeapKB / 1024),
    coordinatorCpuUsage: null,
    availability:
      known.length === 0
        ? null
        : known.filter(({ state }) => state === "HEALTHY" || state === "DEGRADED").length / known.length,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const round = (value: number): number => Math.round(value * 100) / 100;

/** The smallest value that at least this share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
