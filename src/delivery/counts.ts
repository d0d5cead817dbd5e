/** Counts of requests, and their text in findings. */
import { amount } from "../core/amount.ts";
import { completedRequests, type ServiceMeasured } from "./measurement.ts";
import type { Finding, Outcome } from "./verdict.ts";

/** How many of `n` requests were of a kind. */
export interface Count {
  readonly events: number;
  readonly n: number;
}

/** A finding without the check's name. */
export type CheckResult = Pick<Finding, "outcome" | "text" | "why">;

export const checkResult = (outcome: Outcome, text: string): CheckResult => ({ outcome, text });

/** What a person does about a rollout that is held for its callers. */
export const LOOK = "Compare what both get (npx fleet logs), then npx fleet promote or npx fleet abort";

/** Faults of green's callers and of the probes sent to it. */
export function withProbes({ green, probes }: ServiceMeasured): Count {
  return { events: green.errors + (probes?.failed ?? 0), n: completedRequests(green) + (probes?.sent ?? 0) };
}

/**
 * Whether requests of green's callers, or probes that the service declares, were completed, and none of them succeeded. If none was a
 * fault, all were refused, and only a comparison with the old revision can show that this is correct.
 */
export function isUnserved({ green, probes }: ServiceMeasured): boolean {
  const [sent, failed] = probes?.declared === true ? [probes.sent, probes.failed] : [0, 0];
  return completedRequests(green) + sent > 0 && green.answered + sent - failed <= 0;
}

/** `none of its callers' 54 requests was answered correctly: 54 refused, 0 faults`. */
export function unservedRequestsText({ green }: ServiceMeasured): string {
  const n = completedRequests(green);
  if (n === 0) return "it answered no declared probe correctly";
  const which = n === 1 ? "its callers' only request was not" : `none of its callers' ${n} requests was`;
  return `${which} answered correctly: ${green.refused} refused, ${amount(green.errors, "fault")}`;
}

/** Why a comparison with the old revision is not possible; empty if it is. */
export function noComparisonReason(blue: Count | undefined, least: number): string {
  if (!blue) return "; nothing to compare with";
  return blue.n < least
    ? `; blue's ${amount(blue.n, "request is", "requests are")} too few to compare with`
    : "";
}

export const share = ({ events, n }: Count): number => (n === 0 ? 0 : events / n);
export const rate = (value: number): string => `${Number((value * 100).toFixed(2))} %`;
export const round = (value: number): number => Number(value.toPrecision(3));
export const pText = (p: number, confidence: number): string =>
  `p = ${round(p)}, ${round(1 - confidence)} decides`;
export const countText = (who: string, count: Count, one = "fault", many?: string): string =>
  `${who} ${amount(count.events, one, many)} in ${amount(count.n, "request")} (${rate(share(count))})`;
/** `20 are needed`. */
export const neededText = (least: number): string => amount(least, "is needed", "are needed");
