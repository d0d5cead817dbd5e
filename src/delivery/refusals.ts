/** The check of refusals: green's callers compared with blue's. */
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
} from "./counts.ts";
import { isCrowd } from "./crowd.ts";
import { type CrowdTest, judgeCrowd } from "./crowd-judge.ts";
import { completedRequests, type ServiceMeasured } from "./measurement.ts";
import { failureOf, ifBlueDiffers, ownFigures, senderText, without } from "./senders.ts";
import { fisher } from "./statistics.ts";
import type { CheckRule } from "./strategy.ts";
import type { RevisionMetrics } from "./wire.ts";

type Rule = Extract<CheckRule, { kind: "refusals" }>;

/**
 * Only the old revision, which gets the same requests, can show whether a refusal is correct. The test is exact, so few requests
 * suffice. If green has answered no caller, `minSamples` requests of both are needed to pass.
 */
export function refusals(rule: Rule, service: ServiceMeasured): CheckResult {
  return isCrowd(service)
    ? judgeCrowd(refusalTest(rule), service, (counted) => withoutMoreRefused(rule, counted))
    : ifBlueDiffers(service, "refusal", (measured) => ofRequests(rule, measured));
}

/** The part of the check that callers decide. */
export const refusalTest = (rule: Rule): CrowdTest => ({
  kind: "refusal",
  minSamples: rule.minSamples,
  leastOfBlue: 1,
  confidence: rule.confidence,
  limit: rule.tolerance,
  isTooMany: (own, blue) => blue !== undefined && isMore(rule, own, blue),
  isHigh: (own, blue) => blue !== undefined && share(own) - share(blue) > rule.tolerance,
});

function ofRequests(rule: Rule, service: ServiceMeasured): CheckResult {
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

const isMore = (rule: Rule, own: Count, other: Count): boolean =>
  other.n > 0 && share(own) - share(other) > rule.tolerance && fisher(other, own) < 1 - rule.confidence;

function refusalsText({ green, blue }: ServiceMeasured): string {
  // Callers that were told to ask again got no answer that could be right or wrong: they are reported, but not compared.
  const again = blue?.draining ? `; it told ${blue.draining} more to ask again` : "";
  const [own, other] = [refusedOf(green), refusedOf(blue)];
  return `${countText("green", own, "refused", "refused")} compared with ${countText("blue", other, "refused", "refused")}${again}`;
}

function moreRefused(rule: Rule, service: ServiceMeasured): string | undefined {
  const [own, other] = [refusedOf(service.green), refusedOf(service.blue)];
  if (!isMore(rule, own, other)) return undefined;
  return `${refusalsText(service)}: more by ${rate(share(own) - share(other))} (${pText(fisher(other, own), rule.confidence)})`;
}

function withoutMoreRefused(rule: Rule, service: ServiceMeasured): CheckResult {
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
