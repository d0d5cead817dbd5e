/** The check of faults: green's callers compared with blue's, and probes where callers are few. */
import { mean } from "simple-statistics";
import { amount } from "../core/amount.ts";
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
import { isCrowd } from "./crowd.ts";
import { type CrowdTest, judgeCrowd } from "./crowd-judge.ts";
import { completedRequests, type ServiceMeasured } from "./measurement.ts";
import { failureOf, holdsWithoutAny, ifBlueDiffers, ownFigures, senderText, without } from "./senders.ts";
import { binomialTail, fisher } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";
import type { RevisionMetrics } from "./wire.ts";

type Rule = Extract<CheckRule, { kind: "errorRate" }>;

/** Fails by faults, with or without probes; passes by callers' requests, by declared probes, or by `Info` probes if there are no callers. Pure. */
export function errorRate(rule: Rule, service: ServiceMeasured, isLast: boolean): CheckResult {
  return isCrowd(service)
    ? ofCrowd(rule, service, isLast)
    : ifBlueDiffers(service, "fault", (measured) => ofRequests(rule, measured, isLast));
}

/** The part of the check that callers decide. */
export const faultTest = (rule: Rule): CrowdTest => ({
  kind: "fault",
  minSamples: rule.minSamples,
  leastOfBlue: rule.minSamples,
  confidence: rule.confidence,
  limit: Math.min(rule.max, rule.tolerance),
  isTooMany: (own, blue) => {
    if (exceeds(rule, own) && !(blue && exceeds(rule, blue))) return true;
    return blue !== undefined && isWorseThan(rule, own, blue);
  },
  isHigh: (own, blue) => share(own) > (blue && exceeds(rule, blue) ? share(blue) + rule.tolerance : rule.max),
});

function ofCrowd(rule: Rule, service: ServiceMeasured, isLast: boolean): CheckResult {
  const { sent = 0, failed = 0 } = service.probes ?? {};
  const probes = { events: failed, n: sent };
  const byProbes = faultOfCount(rule, service, probes, undefined, `${countText("green", probes)} of probes`);
  if (byProbes !== undefined) return checkResult("fail", byProbes);
  return judgeCrowd(faultTest(rule), service, (counted) => withoutFailure(rule, counted, isLast));
}

function ofRequests(rule: Rule, service: ServiceMeasured, isLast: boolean): CheckResult {
  const failure = failureOf(
    service,
    (measured) => faultOf(rule, measured),
    ({ errors }) => errors,
  );
  if (failure === undefined) return withoutFailure(rule, service, isLast);
  const { text, sender } = failure;
  if (sender === undefined) return checkResult("fail", text);
  const rest = without(service, sender);
  // Probes, declared ones too, exercise less than callers do: they do not stand for the others' opinion of green.
  if (callersOf(rest).n < rule.minSamples) {
    const { now, before } = ownFigures(service, sender);
    const who = `${text}; only with the requests of one sender (${sender.slice(0, 8)})`;
    if (completedRequests(before) === 0)
      return checkResult("inconclusive", `${who}, which no other revision has answered`);
    const [own, then] = [countOf(now), countOf(before)];
    if (before.answered > 0 && isWorse(rule, own, then))
      return checkResult("fail", `${who}, which was served better before`);
    if (before.answered > 0 && mayBeWorse(rule, own, then))
      return checkResult("inconclusive", `${who}, which may have been served better before`);
  }
  const result = withoutFailure(rule, rest, isLast);
  return { ...result, text: `${result.text}${senderText(service, sender)}` };
}

const countOf = (of: Pick<RevisionMetrics, "answered" | "errors" | "refused">): Count => ({
  events: of.errors,
  n: completedRequests(of),
});
const callersOf = ({ green }: ServiceMeasured): Count => countOf(green);

/** Blue's faults, if they are enough to compare with. */
function comparedWith({ minSamples }: Rule, { blue }: ServiceMeasured): Count | undefined {
  const count = blue && countOf(blue);
  return noComparisonReason(count, minSamples) === "" ? count : undefined;
}

function withoutFailure(rule: Rule, service: ServiceMeasured, isLast: boolean): CheckResult {
  const all = withProbes(service);
  const text = `${countText("green", all)}${probesText(service)}${unroutedText(service)}`;
  const open = whyInconclusive(rule, service, { callers: callersOf(service), all, isLast });
  if (open !== undefined) return checkResult("inconclusive", `${text}${open}`);
  const allowed = `at most ${rate(rule.max)} allowed`;
  const compared = comparedWith(rule, service);
  if (!compared)
    return checkResult(
      "pass",
      `${text}, ${allowed}${noComparisonReason(service.blue && countOf(service.blue), rule.minSamples)}`,
    );
  const limit = share(all) > rule.max ? `more than the ${rate(rule.max)} allowed, as blue has` : allowed;
  return checkResult(
    "pass",
    `${text} compared with ${countText("blue", compared)}, ${limit} (p = ${round(fisher(compared, all))})`,
  );
}

/** Why green fails. Probes exercise less than callers do: successful ones do not outweigh callers' faults. */
function faultOf(rule: Rule, service: ServiceMeasured): string | undefined {
  const [all, callers] = [withProbes(service), callersOf(service)];
  const blue = comparedWith(rule, service);
  return (
    faultOfCount(rule, service, all, blue, `${countText("green", all)}${probesText(service)}`) ??
    faultOfCount(rule, service, callers, blue, `${countText("green", callers)} without the probes`)
  );
}

/**
 * Why a count fails: significantly more faults than allowed, or than blue's by more than the tolerance. If blue has more than allowed
 * too, only the comparison decides: to return to blue would help nobody.
 */
function faultOfCount(
  rule: Rule,
  service: ServiceMeasured,
  own: Count,
  blue: Count | undefined,
  text: string,
): string | undefined {
  const { max, confidence } = rule;
  if (exceeds(rule, own) && !isBlueOverLimit(rule, service)) {
    const p = binomialTail(own.events, own.n, max);
    return `${text}, more than the ${rate(max)} allowed (${pText(p, confidence)})`;
  }
  if (!blue || !isWorseThan(rule, own, blue)) return undefined;
  const difference = rate(share(own) - share(blue));
  return `${text} compared with ${countText("blue", blue)}: worse by ${difference} (${pText(fisher(blue, own), confidence)})`;
}

const exceeds = ({ max, confidence }: Rule, of: Count): boolean =>
  share(of) > max && binomialTail(of.events, of.n, max) < 1 - confidence;

const isWorseThan = ({ tolerance, confidence }: Rule, own: Count, other: Count): boolean =>
  share(own) - share(other) > tolerance && fisher(other, own) < 1 - confidence;

/** Whether blue itself has significantly more faults than allowed, not only because of one sender. */
const isBlueOverLimit = (rule: Rule, service: ServiceMeasured): boolean =>
  holdsWithoutAny(service, (measured) => {
    const blue = comparedWith(rule, measured);
    return blue !== undefined && exceeds(rule, blue);
  });

/** Whether one sender is served worse than before. */
const isWorse = (rule: Rule, now: Count, before: Count): boolean =>
  (share(before) <= rule.max && exceeds(rule, now)) || isWorseThan(rule, now, before);

/** Whether one sender may be served worse than before: more requests tell. */
const mayBeWorse = (rule: Rule, now: Count, before: Count): boolean =>
  share(now) > Math.max(rule.max, share(before) + rule.tolerance);

interface Evidence {
  readonly callers: Count;
  readonly all: Count;
  /** Whether the rollout holds if this verdict is inconclusive. */
  readonly isLast: boolean;
}

/** Why there is no verdict yet; undefined if green may pass. */
function whyInconclusive(
  rule: Rule,
  service: ServiceMeasured,
  { callers, all, isLast }: Evidence,
): string | undefined {
  const { green, blue, probes, isBlueCurrent } = service;
  const least = rule.minSamples;
  const counted = probes?.declared === true ? all : callers;
  const isByInfo = counted.n < least;
  const old = lateByAge(service, isByInfo);
  const late = old + crowding(service, old);
  const asks = Math.max(green.requests, unanswered(green));
  const tooMany = unanswered(green) > completedRequests(green) || green.errors + late > rule.max * asks;
  if ((isByInfo && old > 0) || (late > 0 && tooMany)) return `; ${openRequestsText(service)}`;
  if (all.n < least) return `, ${neededText(least)}`;
  // Answering Info is no real work: it counts for green only if there is no work, or so little that waiting does not help, and
  // green did all of it.
  const asked = asks + (isBlueCurrent === true && blue ? blue.requests : 0);
  const isIdle = service.isUnrouted === true ? asks === 0 : asked === 0 && (blue?.requests ?? 0) === 0;
  const isUnused = isIdle || (isLast && asked < least);
  if (isByInfo && !isUnused)
    return `, and there are callers: ${amount(least, "request of green's callers is", "requests of green's callers are")} needed, or declared probes`;
  if (isByInfo && asks > 0 && completedRequests(green) === 0) return `; ${openRequestsText(service)}`;
  const worst = isByInfo ? Math.max(share(callers), share(all)) : share(counted);
  const other = isBlueOverLimit(rule, service) ? comparedWith(rule, service) : undefined;
  const limit = other ? share(other) + rule.tolerance : rule.max;
  // More than allowed, but so few that it may be chance.
  if (worst > limit || (isByInfo && callers.events > 0)) {
    const p = binomialTail(callers.events, callers.n, rule.max);
    return `, ${rate(rule.max)} allowed (${pText(p, rule.confidence)})`;
  }
  // A refusal is not a success either, and Info cannot tell whether it is correct.
  if (isByInfo && isUnserved(service)) return `; ${unservedRequestsText(service)}`;
  return undefined;
}

/** Requests that are not completed. */
const waiting = (of: RevisionMetrics): number =>
  Math.max(0, of.requests - completedRequests(of) - (of.draining ?? 0));

/** Lower bound for "late", however short the interval is. */
const MIN_LATE_MS = 1000;

/** Requests without an answer, of this or an earlier step. */
export const unanswered = (of: RevisionMetrics): number => Math.max(waiting(of), of.open?.length ?? 0);

/**
 * Requests that are open for longer than an interval and than green's slowest answer. If only `Info` probes count for green, slow
 * answers do not extend that limit. If the router does not report ages, all open requests may be late.
 */
function lateByAge({ green, intervalMs }: ServiceMeasured, isByInfo: boolean): number {
  if (green.open === undefined) return isByInfo ? waiting(green) : 0;
  const slowest = isByInfo ? 0 : Math.max(0, ...green.latencies);
  const longest = Math.max(intervalMs ?? Number.POSITIVE_INFINITY, MIN_LATE_MS, slowest);
  return green.open.filter((age) => age >= longest).length;
}

/** Open requests beyond those normally in flight: one, plus as many as arrive while one is answered (Little's law). */
function crowding({ green, ms }: ServiceMeasured, old: number): number {
  const answerMs = green.latencies.length === 0 ? 0 : mean(green.latencies);
  const inFlight = ms === undefined || ms <= 0 ? 0 : (green.requests * answerMs) / ms;
  return Math.max(0, waiting(green) - old - 1 - inFlight);
}

/** How many requests have no answer, out of how many, for how long, and at which revision. */
export function openRequestsText({ green, revision }: ServiceMeasured): string {
  const [oldest] = green.open ?? [];
  const asked = Math.max(green.requests, unanswered(green));
  const open = unanswered(green);
  const which =
    asked === 1
      ? "its callers' only request has"
      : `${open} of its callers' ${amount(asked, "request")} ${open === 1 ? "has" : "have"}`;
  const where = revision === undefined ? "" : ` from ${revision}`;
  const since =
    oldest === undefined ? "" : `, ${open === 1 ? "" : "the oldest "}for ${round(oldest / 1000)} s`;
  return `${which} no answer yet${where}${since}`;
}

const unroutedText = ({ isUnrouted, green }: ServiceMeasured): string =>
  isUnrouted === true && green.requests === 0 ? ", and no callers at this share" : "";

function probesText({ probes }: ServiceMeasured): string {
  if (!probes || probes.sent === 0) return "";
  return `, ${probes.sent} of them probes${probes.reason === undefined ? "" : ` (${probes.reason})`}`;
}
