/** The check of faults: green's callers beside blue's, and what probes may say where they are few. */
import { mean } from "simple-statistics";
import { amount } from "../core/amount.ts";
import {
  besides,
  type Count,
  counted,
  isUnserved,
  needed,
  pText,
  rate,
  round,
  type Said,
  say,
  share,
  unservedText,
  withProbes,
} from "./counted.ts";
import { ended, type ServiceMeasured } from "./measurement.ts";
import { binomialTail, fisher } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";
import type { RevisionMetrics } from "./wire.ts";

type Rule = Extract<CheckRule, { kind: "errorRate" }>;

/** Fails by what went wrong, with probes and without; passes by callers' requests, by declared probes, or where nobody asks. Pure. */
export function errorRate(rule: Rule, service: ServiceMeasured, isLast: boolean): Said {
  const all = withProbes(service);
  const callers = { events: service.green.errors, n: ended(service.green) };
  const blue = service.blue && { events: service.blue.errors, n: ended(service.blue) };
  const text = `${counted("green", all)}${probesText(service)}`;
  const beside = besides(blue, rule.minSamples);
  const compared = beside === "" ? blue : undefined;
  // Probes are asked for less than callers ask: good ones do not outweigh what went wrong for callers.
  const fault =
    faultOf(rule, all, compared, text) ??
    faultOf(rule, callers, compared, `${counted("green", callers)} without the probes`);
  if (fault !== undefined) return say("fail", fault);
  const open = openness(rule, service, { callers, all, isLast });
  if (open !== undefined) return say("inconclusive", `${text}${open}`);
  const allowed = `at most ${rate(rule.max)} allowed`;
  if (!compared) return say("pass", `${text}, ${allowed}${beside}`);
  return say(
    "pass",
    `${text} beside ${counted("blue", compared)}, ${allowed} (p = ${round(fisher(compared, all))})`,
  );
}

/** What condemns a count: more faults than allowed, or more than blue's, by a test and by enough to matter. */
function faultOf(
  { max, tolerance, confidence }: Rule,
  own: Count,
  blue: Count | undefined,
  text: string,
): string | undefined {
  const alpha = 1 - confidence;
  const limit = binomialTail(own.events, own.n, max);
  if (share(own) > max && limit < alpha)
    return `${text}, more than the ${rate(max)} allowed (${pText(limit, confidence)})`;
  if (!blue) return undefined;
  const difference = share(own) - share(blue);
  const p = fisher(blue, own);
  if (difference <= tolerance || p >= alpha) return undefined;
  return `${text} beside ${counted("blue", blue)}: worse by ${rate(difference)} (${pText(p, confidence)})`;
}

interface Evidence {
  readonly callers: Count;
  readonly all: Count;
  /** Whether the rollout holds after this look if it stays open. */
  readonly isLast: boolean;
}

/** Why nothing can be said yet; undefined when green may pass. */
function openness(
  rule: Rule,
  service: ServiceMeasured,
  { callers, all, isLast }: Evidence,
): string | undefined {
  const { green, blue, probes, beside } = service;
  const least = rule.minSamples;
  const told = probes?.declared === true ? all : callers;
  const isByInfo = told.n < least;
  const old = lateByAge(service, isByInfo);
  const late = old + crowding(service, old);
  const asks = Math.max(green.requests, unanswered(green));
  const tooMany = unanswered(green) > ended(green) || green.errors + late > rule.max * asks;
  if ((isByInfo && old > 0) || (late > 0 && tooMany)) return `; ${openText(service)}`;
  if (all.n < least) return `, ${needed(least)}`;
  // Answering Info is no work: it speaks for green only where there is no work, or so little that waiting brings no more, and green
  // did all of that.
  const asked = asks + (beside === true && blue ? blue.requests : 0);
  const isUnused = isLast ? asked < least : asked === 0 && (blue?.requests ?? 0) === 0;
  if (isByInfo && !isUnused)
    return `, and callers ask: ${amount(least, "of green's own is", "of green's own are")} needed, or probes that the service declares`;
  if (isByInfo && asks > 0 && ended(green) === 0) return `; ${openText(service)}`;
  const worst = isByInfo ? Math.max(share(callers), share(all)) : share(told);
  // More than allowed, but so few that it may be bad luck.
  if (worst > rule.max || (isByInfo && callers.events > 0)) {
    const p = binomialTail(callers.events, callers.n, rule.max);
    return `, ${rate(rule.max)} allowed (${pText(p, rule.confidence)})`;
  }
  // A refusal is no answer either: whether it is right, Info does not know.
  if (isByInfo && isUnserved(service)) return `; ${unservedText(service)}`;
  return undefined;
}

/** Requests that have not come to an end. */
const waiting = (of: RevisionMetrics): number => Math.max(0, of.requests - ended(of) - (of.draining ?? 0));

/** An answer takes a moment, however short the interval is. */
const LEAST_LATE_MS = 1000;

/** Requests that have no answer, of this step or of one before. */
export const unanswered = (of: RevisionMetrics): number => Math.max(waiting(of), of.open?.length ?? 0);

/**
 * Requests that are open for longer than an interval and than any answer of green's took. Where `Info` has to speak for green, no answer
 * is early for being slow at other times; a router that does not say their age leaves that open for all.
 */
function lateByAge({ green, intervalMs }: ServiceMeasured, isByInfo: boolean): number {
  if (green.open === undefined) return isByInfo ? waiting(green) : 0;
  const slowest = isByInfo ? 0 : Math.max(0, ...green.latencies);
  const longest = Math.max(intervalMs ?? Number.POSITIVE_INFINITY, LEAST_LATE_MS, slowest);
  return green.open.filter((age) => age >= longest).length;
}

/** Of the others those beyond what is under way at any time: one, and as many as come in while an answer takes (Little's law). */
function crowding({ green, ms }: ServiceMeasured, old: number): number {
  const takes = green.latencies.length === 0 ? 0 : mean(green.latencies);
  const underWay = ms === undefined || ms <= 0 ? 0 : (green.requests * takes) / ms;
  return Math.max(0, waiting(green) - old - 1 - underWay);
}

/** How many requests have no answer, of how many, since when, and where they are. */
export function openText({ green, revision }: ServiceMeasured): string {
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

function probesText({ probes }: ServiceMeasured): string {
  if (!probes || probes.sent === 0) return "";
  return `, ${probes.sent} of them probes${probes.reason === undefined ? "" : ` (${probes.reason})`}`;
}
