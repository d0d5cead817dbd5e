import type { Limits } from "./limits.ts";
import type { State } from "./reading.ts";

export interface StateCounts extends Record<State, number> {
  /** Could not be heard: neither well nor ill. */
  readonly UNKNOWN: number;
  readonly total: number;
}

/** How many are in each state. */
export function countStates(states: readonly (State | "UNKNOWN")[]): StateCounts {
  const of = (state: State | "UNKNOWN") => states.filter((each) => each === state).length;
  return {
    HEALTHY: of("HEALTHY"),
    DEGRADED: of("DEGRADED"),
    UNHEALTHY: of("UNHEALTHY"),
    OFFLINE: of("OFFLINE"),
    UNKNOWN: of("UNKNOWN"),
    total: states.length,
  };
}

/**
 * One state for all: more than a quarter OFFLINE → OFFLINE; fewer than 95 % up → UNHEALTHY; more than a quarter DEGRADED →
 * DEGRADED. Nothing to judge is never a pass: UNHEALTHY. As `src/runtime/monitor/verdict.lua`, of those that could be heard;
 * UNKNOWN when more than a quarter could not.
 */
export function overall(counts: StateCounts, limits: Limits): State | "UNKNOWN" {
  const { HEALTHY, DEGRADED, OFFLINE, UNKNOWN } = counts;
  if (counts.total === 0) return "UNHEALTHY";
  if (UNKNOWN / counts.total > limits.offlineShare) return "UNKNOWN";
  const total = counts.total - UNKNOWN;
  if (OFFLINE / total > limits.offlineShare) return "OFFLINE";
  if ((HEALTHY + DEGRADED) / total < limits.healthyShare) return "UNHEALTHY";
  return DEGRADED / total > limits.degradedShare ? "DEGRADED" : "HEALTHY";
}

/** Whether the fleet is known to be fit: at least 95 % healthy, at most 10 % offline, at most 5 % unhealthy. */
export function passes(counts: StateCounts, limits: Limits): boolean {
  const { HEALTHY, UNHEALTHY, OFFLINE, total } = counts;
  return (
    total > 0 &&
    HEALTHY / total >= limits.passHealthyShare &&
    OFFLINE / total <= limits.passOfflineShare &&
    UNHEALTHY / total <= limits.passUnhealthyShare
  );
}
