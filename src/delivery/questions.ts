/** Which of green's requests are asked of blue before a verdict: none while nothing is against green. */
import type { CallerMetrics } from "./caller-figures.ts";
import { drawn, type Question } from "./comparison.ts";
import { type CheckResult, share } from "./counts.ts";
import { crowdOf, eldersOf, isCrowd, totalOf, unitsOf } from "./crowd.ts";
import type { CrowdTest } from "./crowd-judge.ts";
import { errorRate, faultTest } from "./error-rate.ts";
import { isSlower, latency } from "./latency.ts";
import type { ServiceMeasured } from "./measurement.ts";
import { refusals, refusalTest } from "./refusals.ts";
import type { CheckRule } from "./strategy.ts";

/**
 * A sample of the requests that could count against green: at most `MOST_COMPARED` for each kind and for known and new callers
 * each, and only if they are more than a check lets pass. Pure, except for `random`.
 */
export function questionsFor(
  rules: readonly CheckRule[],
  service: ServiceMeasured,
  random: () => number = Math.random,
): Question[] {
  const { callers } = service.green;
  if (callers === undefined) return [];
  const groups = isCrowd(service) ? Object.values(crowdOf(service.green)) : [callers];
  const questions = rules.flatMap((rule): Question[] => {
    if (rule.kind === "errorRate")
      return asked(groups, service, faultTest(rule), errorRate(rule, service, false), random);
    if (rule.kind === "refusals")
      return asked(groups, service, refusalTest(rule), refusals(rule, service), random);
    if (rule.kind !== "latency") return [];
    const isLate = isCrowd(service) ? isSlower(rule, service) : isAgainst(latency(rule, service));
    return isLate ? groups.flatMap((group) => drawn(group, "slow", random)) : [];
  });
  return questions.filter(
    ({ kind, caller }, at) =>
      questions.findIndex((other) => other.kind === kind && other.caller === caller) === at,
  );
}

/** Whether a check of few callers fails, or would if blue answered what green did not. */
const isAgainst = ({ outcome, why }: CheckResult): boolean => outcome === "fail" || why !== undefined;

function asked(
  groups: readonly (readonly CallerMetrics[])[],
  service: ServiceMeasured,
  { kind, minSamples, limit }: CrowdTest,
  result: CheckResult,
  random: () => number,
): Question[] {
  if (!isCrowd(service))
    return isAgainst(result) ? groups.flatMap((group) => drawn(group, kind, random)) : [];
  return groups.flatMap((group) => {
    const units = unitsOf(group, kind, minSamples);
    const elders = eldersOf(group);
    const eldest = units.filter(({ id }) => elders.has(id));
    const isHigh = [units, eldest].some((some) => share(totalOf(some, ({ unknown }) => unknown)) > limit);
    return isHigh ? drawn(group, kind, random, elders) : [];
  });
}
