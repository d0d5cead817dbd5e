/**
 * Judges plain measurements: pass, fail, or inconclusive. Every finding includes its numbers. A revision fails only by a
 * significance test (Fisher, binomial, Mann-Whitney) together with an effect that is large enough to matter.
 */
import { canonicalJson } from "../core/hash.ts";
import { compareNumbers } from "../core/json.ts";
import { startOf } from "../core/unicode.ts";
import { type CheckResult, checkResult, isUnserved, unservedRequestsText, withProbes } from "./counts.ts";
import { countedService } from "./crowd.ts";
import { errorRate, openRequestsText, unanswered } from "./error-rate.ts";
import { latency } from "./latency.ts";
import { completedRequests, type Measurement, type ServiceMeasured } from "./measurement.ts";
import { refusals } from "./refusals.ts";
import type { CheckRule } from "./strategy.ts";
import { type Finding, type Verdict, verdictOf } from "./verdict.ts";

type Rule<K extends CheckRule["kind"]> = Extract<CheckRule, { kind: K }>;

/** The place of a verdict in a rollout. */
interface Look {
  /**
   * Maximum number of verdicts in the rollout. Each gets its part of the error that `confidence` allows (Bonferroni), so that
   * `confidence` applies to the whole rollout. @default 1
   */
  readonly looks?: number;
  /** Whether the rollout holds if this verdict is inconclusive: there are hardly any callers, and waiting does not help. @default false */
  readonly isLast?: boolean;
}

/** All checks on all services that have a new revision. Pure. */
export function judge(
  declared: readonly CheckRule[],
  measurement: Measurement,
  { looks = 1, isLast = false }: Look = {},
): Verdict {
  const rules = declared.map((rule) =>
    "confidence" in rule ? { ...rule, confidence: 1 - (1 - rule.confidence) / Math.max(1, looks) } : rule,
  );
  const services = Object.entries(measurement.services).sort(([a], [b]) => (a < b ? -1 : 1));
  const findings = rules.flatMap((rule): Finding[] => {
    if (rule.kind === "probe") return [probe(rule, measurement)];
    if (rule.kind === "invariant") return [invariant(rule, measurement)];
    return services.map(([name, service]) => ({
      check: `${rule.kind} of ${name}`,
      ...measured(rule, service, isLast),
    }));
  });
  return verdictOf([...findings, ...sampled(rules, measurement)]);
}

function measured(
  rule: Exclude<CheckRule, Rule<"probe" | "invariant">>,
  service: ServiceMeasured,
  isLast: boolean,
): CheckResult {
  switch (rule.kind) {
    case "health":
      return health(rule, service);
    case "errorRate":
      return errorRate(rule, service, isLast);
    case "refusals":
      return refusals(rule, service);
    case "latency":
      return latency(rule, service);
  }
}

function health({ allowDegraded }: Rule<"health">, { health }: ServiceMeasured): CheckResult {
  if (!health) return checkResult("error", "health was not requested");
  if ("problem" in health) return checkResult("error", health.problem);
  const why = health.reasons.length === 0 ? "" : ` (${health.reasons.join("; ")})`;
  const good = health.status === "HEALTHY" || (allowDegraded && health.status === "DEGRADED");
  return checkResult(good ? "pass" : "fail", `${health.status}${why}`);
}

function probe(rule: Rule<"probe">, { probes }: Measurement): Finding {
  const check = `probe ${rule.name}`;
  const answer = probes?.[rule.name];
  if (!answer) return { check, outcome: "error", text: "the probe was not sent" };
  if ("problem" in answer) return { check, outcome: "error", text: answer.problem };
  if (answer.differences.length > 0) return { check, outcome: "fail", text: answer.differences.join("; ") };
  return { check, outcome: "pass", text: `${rule.service} answered ${rule.action} as expected` };
}

const HOLDS: Readonly<Record<Rule<"invariant">["relation"], (before: unknown, after: unknown) => boolean>> = {
  equal: (before, after) => canonicalJson(before) === canonicalJson(after),
  notLess: (before, after) => (compareNumbers(after, before) ?? -1) >= 0,
  notMore: (before, after) => (compareNumbers(after, before) ?? 1) <= 0,
};
const RELATION = { equal: "the same", notLess: "not less", notMore: "not more" } as const;

function invariant(rule: Rule<"invariant">, { invariants }: Measurement): Finding {
  const check = `invariant ${rule.name}`;
  const found = invariants?.[rule.name];
  if (!found) return { check, outcome: "error", text: "the value was not requested" };
  const { before, after } = found;
  if ("problem" in after) return { check, outcome: "error", text: after.problem };
  // Without the earlier value a person has to decide.
  if ("problem" in before)
    return {
      check,
      outcome: "inconclusive",
      text: `the value before the rollout is unknown: ${before.problem}`,
    };
  const holds = HOLDS[rule.relation](before.value, after.value);
  const shown = (value: unknown) => (value === undefined ? "nothing" : startOf(canonicalJson(value), 80));
  const text = `${rule.path} of ${rule.service} was ${shown(before.value)} and is ${shown(after.value)}; allowed: ${RELATION[rule.relation]}`;
  return { check, outcome: holds ? "pass" : "fail", text };
}

/**
 * No traffic is never a pass: even if no rule counts requests, green must have got some. Nor is it a pass if green has answered
 * none of its requests and no rule compares its refusals or counts its faults.
 */
function sampled(rules: readonly CheckRule[], { services }: Measurement): Finding[] {
  const has = (wanted: CheckRule["kind"]) => rules.some(({ kind }) => kind === wanted);
  const isCounted = has("errorRate") || has("latency");
  return Object.entries(services).flatMap(([name, measured]): Finding[] => {
    const service = countedService(measured, 1);
    const open = (text: string): Finding[] => [
      { check: `traffic of ${name}`, outcome: "inconclusive", text },
    ];
    if (!isCounted && withProbes(service).n === 0) return open("green received no requests");
    const isWeighed = has(service.green.refused > 0 ? "refusals" : "errorRate");
    if (!isWeighed && isUnserved(service)) return open(unservedRequestsText(service));
    // Info probes do not count if green has answered none of its callers.
    const isOpen = unanswered(service.green) > 0 && completedRequests(service.green) === 0;
    return !isCounted && isOpen && service.probes?.declared !== true ? open(openRequestsText(service)) : [];
  });
}
