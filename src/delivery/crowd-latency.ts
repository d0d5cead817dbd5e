/** Latencies as callers see them: each caller is one value, its median. Pure. */
import { amount } from "../core/amount.ts";
import type { CallerMetrics } from "./caller-figures.ts";
import { NOT_COMPARED, outcomesOf } from "./comparison.ts";
import { round } from "./counts.ts";
import { crowdOf, hasKnownCallers, LEAST_CALLERS } from "./crowd.ts";
import { decided, type Group, type Objection } from "./crowd-judge.ts";
import type { ServiceMeasured } from "./measurement.ts";
import { binomialTail, mannWhitney, median } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";

type Rule = Extract<CheckRule, { kind: "latency" }>;

/** The share of compared requests that decides whether green is slower with the same requests. */
const MOST = 2 / 3;

const mediansOf = (callers: readonly CallerMetrics[]): number[] =>
  callers.filter(({ ms }) => ms.length > 0).map(({ ms }) => median(ms));

/** What callers have against green's answers being late; only asked if all latencies together are too long. */
export function slowObjectionOf(rule: Rule, service: ServiceMeasured): Objection {
  const [green, blue] = [crowdOf(service.green), crowdOf(service.blue)];
  const all = mediansOf([...blue.known, ...blue.new]);
  const group = (name: "known" | "new"): Group => {
    const same = mediansOf(blue[name]);
    return groupOf(rule, name, green[name], same.length >= LEAST_CALLERS ? same : all, service);
  };
  return decided({ known: group("known"), new: group("new") }, hasKnownCallers(service), () => false);
}

function groupOf(
  rule: Rule,
  name: string,
  callers: readonly CallerMetrics[],
  other: readonly number[],
  { compared = NOT_COMPARED }: ServiceMeasured,
): Group {
  // Those whose requests are as slow at blue say nothing about green.
  const own = mediansOf(callers.filter(({ id }) => compared.slow[id] !== "same"));
  const { same, differs, again, unknown } = outcomesOf(callers, compared.slow);
  const drawn = same + differs + again + unknown;
  const compares =
    drawn === 0 ? "" : `, of ${drawn} compared green is slower with ${differs}, ${unknown} unknown`;
  const text = `${amount(own.length, `${name} caller`)}: median ${own.length === 0 ? "-" : round(median(own))} ms${compares}`;
  const standing = (): Group["standing"] => {
    if (mediansOf(callers).length === 0) return "none";
    if (same >= LEAST_CALLERS && same >= MOST * drawn) return "clear";
    if (!isSlow(rule, own, other)) return "clear";
    if (own.length < LEAST_CALLERS) return "chance";
    return differs >= LEAST_CALLERS && differs >= MOST * drawn ? "fail" : "suspect";
  };
  return { standing: standing(), callers: own.length, met: differs, known: same + differs, text };
}

function isSlow(rule: Rule, own: readonly number[], other: readonly number[]): boolean {
  const { maxMs, maxEffect, confidence } = rule;
  const over = maxMs === undefined ? 0 : own.filter((ms) => ms > maxMs).length;
  if (over > 0 && own.length < LEAST_CALLERS) return true;
  if (over > own.length / 2 && binomialTail(over, own.length, 0.5) < 1 - confidence) return true;
  if (own.length === 0 || other.length === 0) return false;
  const { p, effect } = mannWhitney(other, own);
  return effect > maxEffect && (p < 1 - confidence || own.length < LEAST_CALLERS);
}
