/** How many callers a strategy's latency checks need. Probes do not replace callers. */
import { stepsOf } from "./steps.ts";
import { ALL_TRAFFIC_BP, type Strategy } from "./strategy.ts";

/** The step of a rollout that needs the most callers for a latency check. */
interface CallersNeeded {
  /** Index of the check in the strategy. */
  readonly check: number;
  readonly minSamples: number;
  /** Green's share at that step, in basis points. */
  readonly weightBp: number;
  /** Callers' requests to a service while the step is watched; infinite if one of the revisions gets none of them. */
  readonly requests: number;
  /** How long it is watched before the rollout holds, in seconds. */
  readonly seconds: number;
}

/**
 * For each latency check, the step that needs the most callers. Every step needs green's answers; if only the comparison decides
 * (no `maxMs`) and blue gets requests, it also needs blue's. At 100 %, blue's are those of the step before. Pure.
 */
export function callersNeeded(strategy: Strategy): CallersNeeded[] {
  const steps = stepsOf(strategy);
  return strategy.checks.flatMap((rule, check): CallersNeeded[] => {
    if (rule.kind !== "latency") return [];
    const { minSamples } = rule;
    const needs = steps.map(({ weightBp, mirror, intervalSeconds }): CallersNeeded => {
      const green = mirror ? 1 : weightBp / ALL_TRAFFIC_BP;
      const blue = 1 - weightBp / ALL_TRAFFIC_BP;
      const least = rule.maxMs === undefined && blue > 0 ? Math.min(green, blue) : green;
      const requests = least === 0 ? Number.POSITIVE_INFINITY : Math.ceil(minSamples / least);
      return { check, minSamples, weightBp, requests, seconds: intervalSeconds * strategy.maxInconclusive };
    });
    const rate = ({ requests, seconds }: CallersNeeded) => requests / Math.max(seconds, 1);
    const [first, ...others] = needs;
    return first ? [others.reduce((most, one) => (rate(one) > rate(most) ? one : most), first)] : [];
  });
}
