import type { Problem } from "../src/core/errors.ts";
import { callersNeeded } from "../src/delivery/callers.ts";
import { percent } from "../src/delivery/steps.ts";
import type { FleetDeclaration } from "./declaration.ts";
import { rolloutOf } from "./strategy.ts";

/** Code of the warning about a latency check, which probes cannot satisfy. */
export const LATENCY_NEEDS_CALLERS = "LATENCY_NEEDS_CALLERS";

/**
 * Warns how many callers a latency check needs. The router times requests of callers and no probes, and with too few answers the rollout
 * waits for a person. `silence` of every service that moves accepts the warning. Pure.
 */
export function latencyFindings(fleet: FleetDeclaration, order: readonly string[]): Problem[] {
  const { inNewProcess, traffic } = rolloutOf(fleet, order);
  const names = [...inNewProcess]
    .filter((name) => fleet.processes[name]?.silence[LATENCY_NEEDS_CALLERS] === undefined)
    .sort();
  const [first] = inNewProcess;
  if (traffic === undefined || first === undefined || names.length === 0) return [];
  const at = fleet.processes[first]?.strategy === undefined ? "strategy" : `processes.${first}.strategy`;
  return callersNeeded(traffic).map(({ check, minSamples, weightBp, requests, seconds }): Problem => {
    const needed = Number.isFinite(requests)
      ? `at ${percent(weightBp)} that takes about ${requests.toLocaleString("en")} requests of callers to each of ${names.join(", ")} within ${seconds} s`
      : `at ${percent(weightBp)} one of the revisions of ${names.join(", ")} gets no requests of callers`;
    return {
      code: LATENCY_NEEDS_CALLERS,
      what: "A latency check counts requests of callers and no probes: with too few callers it never passes, and the rollout waits for a person.",
      at: `${at}.checks[${check}]`,
      got: `minSamples: ${minSamples}; ${needed}`,
      expected: "services with that many callers",
      remedy: `Lower minSamples, raise intervalSeconds, maxInconclusive or the share, or remove the check. If there are that many callers, accept the warning: silence: { ${LATENCY_NEEDS_CALLERS}: "<reason>" }.`,
    };
  });
}
