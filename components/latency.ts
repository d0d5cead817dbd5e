import type { Problem } from "../src/core/errors.ts";
import { callersNeeded } from "../src/delivery/callers.ts";
import { percent } from "../src/delivery/steps.ts";
import type { FleetDeclaration } from "./declaration.ts";
import { rolloutOf } from "./strategy.ts";

/** A latency check, which no probe can feed. */
export const LATENCY = "LATENCY_NEEDS_CALLERS";

/**
 * What a latency check asks of the services' callers, as a warning of the plan: the router times what callers ask, probes are no part
 * of that, and with too few answers the rollout waits for a person. `silence` of each service that moves accepts it. Pure.
 */
export function latencyFindings(fleet: FleetDeclaration, order: readonly string[]): Problem[] {
  const { beside, traffic } = rolloutOf(fleet, order);
  const names = [...beside].filter((name) => fleet.processes[name]?.silence[LATENCY] === undefined).sort();
  const [first] = beside;
  if (traffic === undefined || first === undefined || names.length === 0) return [];
  const at = fleet.processes[first]?.strategy === undefined ? "strategy" : `processes.${first}.strategy`;
  return callersNeeded(traffic).map(({ check, minSamples, weightBp, requests, seconds }): Problem => {
    const needed = Number.isFinite(requests)
      ? `at ${percent(weightBp)} that takes about ${requests.toLocaleString("en")} requests of callers to each of ${names.join(", ")} within ${seconds} s`
      : `at ${percent(weightBp)} one of the revisions of ${names.join(", ")} gets no requests of callers at all`;
    return {
      code: LATENCY,
      what: "A latency check counts what callers ask and no probes: with too few callers no verdict is good, and the rollout waits for a person.",
      at: `${at}.checks[${check}]`,
      got: `minSamples: ${minSamples}; ${needed}`,
      expected: "services with so many callers",
      remedy: `Lower minSamples, raise intervalSeconds, maxInconclusive or the share, or leave the check out. Where callers are so many: silence: { ${LATENCY}: "<reason>" }.`,
    };
  });
}
