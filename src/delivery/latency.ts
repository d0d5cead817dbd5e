/** The check of latencies: green's answers compared with blue's. */
import { amount } from "../core/amount.ts";
import { type CheckResult, checkResult, neededText, pText, rate, round } from "./counts.ts";
import { isCrowd } from "./crowd.ts";
import { slowObjectionOf } from "./crowd-latency.ts";
import type { ServiceMeasured } from "./measurement.ts";
import { failureOf, ifBlueDiffers, ownFigures, senderText, without } from "./senders.ts";
import { mannWhitney, median } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";

type Rule = Extract<CheckRule, { kind: "latency" }>;

/** Probes go to green directly: the router, which times blue's answers, does not time them, so they cannot be compared. */
export function latency(rule: Rule, service: ServiceMeasured): CheckResult {
  if (!isCrowd(service)) return ifBlueDiffers(service, "slow", (measured) => ofAnswers(rule, measured));
  const slow = slower(rule, latenciesOf(service));
  if (slow === undefined) return withoutSlower(rule, service);
  return (
    slowObjectionOf(rule, service) ??
    checkResult("pass", `${slow}; only with a few callers, or with requests that are as slow at blue`)
  );
}

/** Whether the answers of all callers together are too slow. */
export const isSlower = (rule: Rule, service: ServiceMeasured): boolean =>
  slower(rule, latenciesOf(service)) !== undefined;

function ofAnswers(rule: Rule, service: ServiceMeasured): CheckResult {
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
  const isLater = slower(rule, { own: now.latencies, other: before.latencies }) !== undefined;
  // A sender that was as slow before says nothing about green.
  const wasSlow = rule.maxMs !== undefined && median(before.latencies) > rule.maxMs;
  if (before.latencies.length > 0 && isLater && !wasSlow)
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

function slowness(rule: Rule, { own, other }: Latencies) {
  const { p, effect, method } = mannWhitney(other, own);
  const text = `${medianText(own)} compared with ${round(median(other))} ms of ${other.length} of blue: slower in ${rate(effect)} of pairs`;
  return {
    text,
    numbers: `${pText(p, rule.confidence)}, ${method}`,
    isSlower: effect > rule.maxEffect && p < 1 - rule.confidence,
  };
}

function slower(rule: Rule, latencies: Latencies): string | undefined {
  const { own, other } = latencies;
  if (own.length < rule.minSamples) return undefined;
  if (rule.maxMs !== undefined && median(own) > rule.maxMs)
    return `${medianText(own)}, more than the ${rule.maxMs} ms allowed`;
  if (other.length < rule.minSamples) return undefined;
  const { text, numbers, isSlower } = slowness(rule, latencies);
  return isSlower ? `${text}, more than ${rate(rule.maxEffect)} (${numbers})` : undefined;
}

function withoutSlower(rule: Rule, service: ServiceMeasured): CheckResult {
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
