import type { Limits } from "./limits.ts";
import type { State } from "./reading.ts";

export interface StateCounts extends Record<State, number> {
  readonly total: number;
}

/** How many are in each state. */
export function countStates(states: readonly State[]): StateCounts {
  const of = (state: State) => states.filter((each) => each === state).length;
  return {
    HEALTHY: of("HEALTHY"),
    DEGRADED: of("DEGRADED"),
    UNHEALTHY: of("UNHEALTHY"),
    OFFLINE: of("OFFLINE"),
    total: states.length,
  };
}

/**
 * One state for all: more than a quarter OFFLINE → OFFLINE; fewer than 95 % up → UNHEALTHY; more than a quarter DEGRADED →
 * DEGRADED. Nothing to judge is never a pass: UNHEALTHY. As `processes/lib/monitor/verdict.lua`.
 */
export function overall(counts: StateCounts, limits: Limits): State {
  const { HEALTHY, DEGRADED, OFFLINE, total } = counts;
  if (total === 0) return "UNHEALTHY";
  if (OFFLINE / total > limits.offlineShare) return "OFFLINE";
  if ((HEALTHY + DEGRADED) / total < limits.healthyShare) return "UNHEALTHY";
  return DEGRADED / total > limits.degradedShare ? "DEGRADED" : "HEALTHY";
}

/** Whether the fleet is fit: at least 95 % healthy, at most 10 % offline, at most 5 % unhealthy. */
export function passes(counts: StateCounts, limits: Limits): boolean {
  const { HEALTHY, UNHEALTHY, OFFLINE, total } = counts;
  return (
    total > 0 &&
    HEALTHY / total >= limits.passHealthyShare &&
    OFFLINE / total <= limits.passOfflineShare &&
    UNHEALTHY / total <= limits.passUnhealthyShare
  );
}
