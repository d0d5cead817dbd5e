import {
  ALL_TRAFFIC_BP,
  type DeclaredStep,
  type Strategy,
  type TrafficStrategy,
  TrafficStrategySchema,
} from "./strategy.ts";

/** One step of a rollout. */
export interface Step {
  readonly weightBp: number;
  readonly intervalSeconds: number;
  /** Waits for `fleet promote` after its verdict. */
  readonly gate: boolean;
  /** Green also gets copies of all requests. */
  readonly mirror: boolean;
}

/** Green's shares by strategy; a canary keeps a small share for several intervals, then gets everything. */
const SHARES: Readonly<Record<TrafficStrategy, readonly number[]>> = {
  INSTANT: [ALL_TRAFFIC_BP],
  GRADUAL: [1000, 2500, 5000, 7500, ALL_TRAFFIC_BP],
  CANARY: [500, 500, 500, ALL_TRAFFIC_BP],
  A_B_TEST: [ALL_TRAFFIC_BP / 2],
};

/** Strategies whose own steps end with all traffic on green. */
export const COMPLETE_STRATEGIES: readonly TrafficStrategy[] = TrafficStrategySchema.options.filter(
  (name) => SHARES[name].at(-1) === ALL_TRAFFIC_BP,
);

/**
 * The steps of a strategy, from the first share to the last, which is also watched before the rollout is complete. Without
 * `trafficStrategy`, a single step with all traffic. Pure.
 */
export function stepsOf(strategy: Strategy): Step[] {
  const shares = SHARES[strategy.trafficStrategy ?? "INSTANT"].map(
    (weightBp): DeclaredStep => ({ weightBp }),
  );
  return (strategy.steps ?? shares).map(({ weightBp, intervalSeconds, gate, mirror }) => ({
    weightBp,
    intervalSeconds: intervalSeconds ?? strategy.intervalSeconds,
    gate: gate === "manual",
    mirror: mirror === true,
  }));
}

/** Whether the strategy ends with both revisions under traffic. */
export const isSplit = (strategy: Strategy): boolean =>
  (stepsOf(strategy).at(-1)?.weightBp ?? ALL_TRAFFIC_BP) < ALL_TRAFFIC_BP;

/** `5 %`, `0.25 %`. */
export const percent = (basisPoints: number): string => `${Number((basisPoints / 100).toFixed(2))} %`;
