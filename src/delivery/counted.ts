/** Counts of requests, and how findings say them. */
import { amount } from "../core/amount.ts";
import { ended, type ServiceMeasured } from "./measurement.ts";
import type { Finding, Outcome } from "./verdict.ts";

/** How many of so many requests were of a kind. */
export interface Count {
  readonly events: number;
  readonly n: number;
}

/** A finding without the check's name. */
export type Said = Pick<Finding, "outcome" | "text">;

export const say = (outcome: Outcome, text: string): Said => ({ outcome, text });

/** Faults of green's callers and of the probes that were sent to it. */
export function withProbes({ green, probes }: ServiceMeasured): Count {
  return { events: green.errors + (probes?.failed ?? 0), n: ended(green) + (probes?.sent ?? 0) };
}

/** Why the old revision is nothing to compare with; empty when it is. */
export function besides(blue: Count | undefined, least: number): string {
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
export const counted = (who: string, count: Count, one = "fault", many?: string): string =>
  `${who} ${amount(count.events, one, many)} in ${amount(count.n, "request")} (${rate(share(count))})`;
/** `20 are needed`. */
export const needed = (least: number): string => amount(least, "is needed", "are needed");
