/** The check of faults: green's callers beside blue's, and what probes may say where they are few. */
import { mean } from "simple-statistics";
import {
  besides,
  type Count,
  counted,
  pText,
  rate,
  round,
  type Said,
  say,
  share,
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
  const late = overdue(service);
  if (late > 0 && (waiting(green) > ended(green) || green.errors + late > rule.max * green.requests))
    return `; ${waiting(green)} of its callers' ${green.requests} requests have no answer yet`;
  if (all.n < least) return `, ${least} are needed`;
  const told = probes?.declared === true ? all : callers;
  // Answering Info is no work: it speaks for green only where there is no work, or so little that waiting brings no more.
  const asked = green.requests + (beside === true && blue ? blue.requests : 0);
  const isUnused = isLast ? asked < least : asked === 0 && (blue?.requests ?? 0) === 0;
  if (told.n < least && !isUnused)
    return `, and callers ask: ${least} of green's own are needed, or probes that the service declares`;
  const worst = told.n < least ? Math.max(share(callers), share(all)) : share(told);
  // More than allowed, but so few that it may be bad luck.
  if (worst > rule.max) {
    const p = binomialTail(callers.events, callers.n, rule.max);
    return `, ${rate(rule.max)} allowed (${pText(p, rule.confidence)})`;
  }
  return undefined;
}

/** Requests that have not come to an end. */
const waiting = (of: RevisionMetrics): number => Math.max(0, of.requests - ended(of) - (of.draining ?? 0));

/** Waiting ones beyond those that are under way at any time: one, and as many as come in while an answer takes (Little's law). */
function overdue({ green, ms }: ServiceMeasured): number {
  const takes = green.latencies.length === 0 ? 0 : mean(green.latencies);
  const underWay = ms === undefined || ms <= 0 ? 0 : (green.requests * takes) / ms;
  return Math.max(0, waiting(green) - 1 - underWay);
}

function probesText({ probes }: ServiceMeasured): string {
  if (!probes || probes.sent === 0) return "";
  return `, ${probes.sent} of them probes${probes.reason === undefined ? "" : ` (${probes.reason})`}`;
}
