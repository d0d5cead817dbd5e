import type { Kept } from "./store.ts";

/** The guide's performance figures, from what the monitor measured. Null where nothing was measured. */
export interface Performance {
  /** Milliseconds from a health check to its answer, on average over the window. */
  readonly messageProcessingTime: number | null;
  /** Milliseconds within which 95 % of the checks were answered. */
  readonly messageProcessingTimeP95: number | null;
  /** Messages a minute, all processes together. */
  readonly throughput: number | null;
  /** Share of requests that ended in an error. */
  readonly errorRate: number | null;
  /** Megabytes on the Lua heap of the process that keeps the ledger. */
  readonly coordinatorMemoryUsage: number | null;
  /** Always null: AO has no such gauge. */
  readonly coordinatorCpuUsage: null;
  /** Share of the rounds in which a process was up (HEALTHY or DEGRADED). */
  readonly availability: number | null;
}

/** Figures over the kept rows of a window, oldest first. Pure. */
export function performanceOf(rows: readonly Kept[], coordinatorHeapKB?: number): Performance {
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

/** The smallest value that at least such a share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
