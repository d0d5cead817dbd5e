/**
 * Judges plain measurements: pass, fail, or inconclusive. Every finding includes its numbers. A revision fails only by a
 * significance test (Fisher, binomial, Mann-Whitney) together with an effect that is large enough to matter.
 */
import { amount } from "../core/amount.ts";
import { canonicalJson } from "../core/hash.ts";
import { compareNumbers } from "../core/json.ts";
import {
  type CheckResult,
  type Count,
  checkResult,
  countText,
  isUnserved,
  neededText,
  noComparisonReason,
  pText,
  rate,
  round,
  share,
  unservedRequestsText,
  withProbes,
} from "./counts.ts";
import { errorRate, openRequestsText, unanswered } from "./error-rate.ts";
import { completedRequests, type Measurement, type ServiceMeasured } from "./measurement.ts";
import { failureOf, ownFigures, senderText, without } from "./senders.ts";
import { fisher, mannWhitney, median } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";
import { type Finding, type Verdict, verdictOf } from "./verdict.ts";
import type { RevisionMetrics } from "./wire.ts";

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

/**
 * Only the old revision, which gets the same requests, can show whether a refusal is correct. The test is exact, so few requests
 * suffice. If green has answered no caller, `minSamples` requests of both are needed to pass.
 */
function refusals(rule: Rule<"refusals">, service: ServiceMeasured): CheckResult {
  const failure = failureOf(
    service,
    (measured) => moreRefused(rule, measured),
    ({ refused }) => refused,
  );
  if (failure === undefined) return withoutMoreRefused(rule, service);
  const { text, sender } = failure;
  if (sender === undefined) return checkResult("fail", text);
  const rest = without(service, sender);
  if (completedRequests(rest.green) < rule.minSamples) {
    const { now, before } = ownFigures(service, sender);
    const who = `${text}; only with the requests of one sender (${sender.slice(0, 8)})`;
    if (completedRequests(before) === 0)
      return checkResult("inconclusive", `${who}, which no other revision has answered`);
    if (isMore(rule, refusedOf(now), refusedOf(before)))
      return checkResult("fail", `${who}, which was served better before`);
  }
  const result = withoutMoreRefused(rule, rest);
  return { ...result, text: `${result.text}${senderText(service, sender)}` };
}

const refusedOf = (of: Pick<RevisionMetrics, "answered" | "errors" | "refused"> | undefined): Count => ({
  events: of?.refused ?? 0,
  n: of ? completedRequests(of) : 0,
});

const isMore = (rule: Rule<"refusals">, own: Count, other: Count): boolean =>
  other.n > 0 && share(own) - share(other) > rule.tolerance && fisher(other, own) < 1 - rule.confidence;

function refusalsText({ green, blue }: ServiceMeasured): string {
  // Callers that were told to ask again got no answer that could be right or wrong: they are reported, but not compared.
  const again = blue?.draining ? `; it told ${blue.draining} more to ask again` : "";
  const [own, other] = [refusedOf(green), refusedOf(blue)];
  return `${countText("green", own, "refused", "refused")} compared with ${countText("blue", other, "refused", "refused")}${again}`;
}

function moreRefused(rule: Rule<"refusals">, service: ServiceMeasured): string | undefined {
  const [own, other] = [refusedOf(service.green), refusedOf(service.blue)];
  if (!isMore(rule, own, other)) return undefined;
  return `${refusalsText(service)}: more by ${rate(share(own) - share(other))} (${pText(fisher(other, own), rule.confidence)})`;
}

function withoutMoreRefused(rule: Rule<"refusals">, service: ServiceMeasured): CheckResult {
  const { green, blue } = service;
  const [own, other] = [refusedOf(green), refusedOf(blue)];
  const text = countText("green", own, "refused", "refused");
  const notCompared = noComparisonReason(blue && other, rule.minSamples);
  const isFew = notCompared !== "" || own.n < rule.minSamples;
  if (isFew && own.events > 0 && isUnserved(service)) {
    const why = notCompared === "" ? `; ${neededText(rule.minSamples)} to compare with blue` : notCompared;
    return checkResult("inconclusive", `${text}, so no caller was answered${why}`);
  }
  const compared = `${refusalsText(service)} (p = ${round(fisher(other, own))})`;
  return checkResult("pass", other.n === 0 ? `${text}${notCompared}` : compared);
}

/** Probes go to green directly: the router, which times blue's answers, does not time them, so they cannot be compared. */
function latency(rule: Rule<"latency">, service: ServiceMeasured): CheckResult {
  const failure = failureOf(
    service,
    (measured) => slower(rule, latenciesOf(measured)),
    ({ latencies }) => latencies.reduce((sum, ms) => sum + ms, 0),
  );
  if (failure === undefined) return withoutSlower(rule, service);
  const { text, sender } = failure;
  if (sender === undefined) return checkResult("fail", text);
  const rest = without(service, sender);
  if (rest.green.latencies.length >= rule.minSamples) {
    const result = withoutSlower(rule, rest);
    return { ...result, text: `${result.text}${senderText(service, sender)}` };
  }
  const { now, before } = ownFigures(service, sender);
  const who = `${text}; only with the requests of one sender (${sender.slice(0, 8)})`;
  const isSlower = slower(rule, { own: now.latencies, other: before.latencies }) !== undefined;
  // A sender that was as slow before says nothing about green.
  const wasSlow = rule.maxMs !== undefined && median(before.latencies) > rule.maxMs;
  if (before.latencies.length > 0 && isSlower && !wasSlow)
    return checkResult("fail", `${who}, which was served faster before`);
  return checkResult("inconclusive", who);
}

interface Latencies {
  readonly own: readonly number[];
  readonly other: readonly number[];
}

const latenciesOf = ({ green, blue }: ServiceMeasured): Latencies => ({
  own: green.latencies,
  other: blue?.latencies ?? [],
});

const medianText = (own: readonly number[]): string =>
  `median ${round(median(own))} ms of ${amount(own.length, "answer")}`;

function slowness(rule: Rule<"latency">, { own, other }: Latencies) {
  const { p, effect, method } = mannWhitney(other, own);
  const text = `${medianText(own)} compared with ${round(median(other))} ms of ${other.length} of blue: slower in ${rate(effect)} of pairs`;
  return {
    text,
    numbers: `${pText(p, rule.confidence)}, ${method}`,
    isSlower: effect > rule.maxEffect && p < 1 - rule.confidence,
  };
}

function slower(rule: Rule<"latency">, latencies: Latencies): string | undefined {
  const { own, other } = latencies;
  if (own.length < rule.minSamples) return undefined;
  if (rule.maxMs !== undefined && median(own) > rule.maxMs)
    return `${medianText(own)}, more than the ${rule.maxMs} ms allowed`;
  if (other.length < rule.minSamples) return undefined;
  const { text, numbers, isSlower } = slowness(rule, latencies);
  return isSlower ? `${text}, more than ${rate(rule.maxEffect)} (${numbers})` : undefined;
}

function withoutSlower(rule: Rule<"latency">, service: ServiceMeasured): CheckResult {
  const { own, other } = latenciesOf(service);
  const { probes } = service;
  if (own.length < rule.minSamples)
    return checkResult(
      "inconclusive",
      `${amount(own.length, "answer")} of green's callers timed by the router, ${neededText(rule.minSamples)}${probes && probes.sent > 0 ? "; probes are not timed" : ""}`,
    );
  if (other.length < rule.minSamples)
    return rule.maxMs === undefined
      ? checkResult(
          "inconclusive",
          `${medianText(own)}; ${amount(other.length, "answer")} of blue to compare with, ${neededText(rule.minSamples)}`,
        )
      : checkResult("pass", `${medianText(own)}, at most ${rule.maxMs} ms allowed`);
  const { text, numbers } = slowness(rule, { own, other });
  return checkResult("pass", `${text} (${numbers})`);
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
  const shown = (value: unknown) => (value === undefined ? "nothing" : canonicalJson(value).slice(0, 80));
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
  return Object.entries(services).flatMap(([name, service]): Finding[] => {
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
