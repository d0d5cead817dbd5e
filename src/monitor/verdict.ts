import type { Limits } from "./limits.ts";
import type { State } from "./reading.ts";

export interface StateCounts extends Record<State, number> {
  /** Could not be read: neither healthy nor unhealthy. */
  readonly UNKNOWN: number;
  readonly total: number;
}

/** Number of processes in each state. */
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
 * The fleet's state: more than a quarter OFFLINE → OFFLINE; fewer than 95 % up → UNHEALTHY; more than a quarter DEGRADED →
 * DEGRADED; over those that could be read. UNKNOWN if more than a quarter could not, and UNHEALTHY for an empty fleet.
 *
 * As in `src/runtime/monitor/verdict.lua`, except for UNKNOWN. Here it means that a unit kept a process from being read in this round, which
 * passes by itself and may hide a fault: too many of them leave the fleet unknown. There it is a peer without the library, which nobody can
 * ever ask, so it is left out.
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

/**
 * Whether the fleet passes: at least 95 % healthy, at most 10 % offline, at most 5 % unhealthy, of all processes: one that could not be read
 * is not known to be healthy, so it does not pass.
 */
export function passes(counts: StateCounts, limits: Limits): boolean {
  const { HEALTHY, UNHEALTHY, OFFLINE, total } = counts;
  return (
    total > 0 &&
    HEALTHY / total >= limits.passHealthyShare &&
    OFFLINE / total <= limits.passOfflineShare &&
    UNHEALTHY / total <= limits.passUnhealthyShare
  );
}
