/**
 * What a single sender decides. Anyone can send anything to a service, so a check fails only if it also fails without the requests of
 * any one sender. Pure.
 */
import { amount } from "../core/amount.ts";
import { own as ownValue } from "../core/own.ts";
import type { CallerMetrics } from "./caller-figures.ts";
import type { Failing } from "./comparison.ts";
import { type CheckResult, checkResult, LOOK } from "./counts.ts";
import { hasKnownCallers } from "./crowd.ts";
import { completedRequests, type ServiceMeasured } from "./measurement.ts";
import type { RevisionMetrics, SenderMetrics } from "./wire.ts";

/** Why a check fails, and the sender without whose requests it would not fail. */
interface Failure {
  readonly text: string;
  /** @default it fails without any one sender, too */
  readonly sender?: string | undefined;
}

/** How much a sender contributes to a failure. */
type Weight = (own: SenderMetrics) => number;

/** The outcome of a test of the figures that must not depend on one sender; undefined if it does not fail. */
export function failureOf(
  service: ServiceMeasured,
  fails: (service: ServiceMeasured) => string | undefined,
  weight: Weight,
): Failure | undefined {
  const text = fails(service);
  if (text === undefined) return undefined;
  const deciding = sendersOf(service, weight).filter(
    (sender) => fails(without(service, sender)) === undefined,
  );
  return { text, sender: deciding[0] };
}

/** Whether a statement about the figures holds, and holds without any one sender. */
export const holdsWithoutAny = (service: ServiceMeasured, holds: (service: ServiceMeasured) => boolean) =>
  holds(service) && sendersOf(service).every((sender) => holds(without(service, sender)));

const faultsAndRefusals: Weight = ({ errors, refused }) => errors + refused;

/** The senders that the router reports, those with most weight at green first. */
function sendersOf({ green, blue }: ServiceMeasured, weight: Weight = faultsAndRefusals): string[] {
  const at = (sender: string) => weight(ownValue(green.senders, sender) ?? NOTHING);
  const all = new Set([...Object.keys(green.senders ?? {}), ...Object.keys(blue?.senders ?? {})]);
  return [...all].sort((a, b) => at(b) - at(a) || (a < b ? -1 : 1));
}

/** The measurement as it would be if a sender had sent nothing. */
export function without(service: ServiceMeasured, sender: string): ServiceMeasured {
  const { green, blue } = service;
  return { ...service, green: less(green, sender), blue: blue && less(blue, sender) };
}

function less(of: RevisionMetrics, sender: string): RevisionMetrics {
  const caller = of.callers?.find(({ id }) => id === sender);
  const own = ownValue(of.senders, sender) ?? (caller && { ...caller, latencies: caller.ms });
  if (!own) return of;
  const { [sender]: _, ...senders } = of.senders ?? {};
  return {
    ...of,
    requests: Math.max(0, of.requests - Math.max(own.requests, completedRequests(own))),
    answered: Math.max(0, of.answered - own.answered),
    errors: Math.max(0, of.errors - own.errors),
    refused: Math.max(0, of.refused - own.refused),
    draining: Math.max(0, (of.draining ?? 0) - (own.draining ?? 0)),
    latencies: difference(of.latencies, own.latencies),
    ...(of.open === undefined ? {} : { open: difference(of.open, own.open) }),
    senders,
    ...(caller === undefined ? {} : { callers: of.callers?.filter((each) => each !== caller) }),
  };
}

/** The values of `all` without those of `some`, each as often as it is there. */
function difference(all: readonly number[], some: readonly number[]): number[] {
  const left = new Map<number, number>();
  for (const value of some) left.set(value, (left.get(value) ?? 0) + 1);
  return all.filter((value) => {
    const n = left.get(value) ?? 0;
    left.set(value, n - 1);
    return n <= 0;
  });
}

/**
 * A service with hardly any callers, judged by its requests: a check fails only by those of callers that met what blue would have answered. New
 * callers decide nothing where others were served before. What blue fails as well does not count, and what could not be compared is left
 * to a person. A router of an earlier version reports no callers; then all requests count.
 */
export function ifBlueDiffers(
  service: ServiceMeasured,
  kind: Failing,
  judged: (service: ServiceMeasured) => CheckResult,
): CheckResult {
  const result = judged(service);
  const { callers } = service.green;
  if (result.outcome !== "fail" || callers === undefined) return result;
  const outcomeOf = ({ id }: CallerMetrics) => ownValue(service.compared?.[kind], id);
  const hasKnown = hasKnownCallers(service);
  const counts = (caller: CallerMetrics) => outcomeOf(caller) === "differs" && (caller.known || !hasKnown);
  const sure = judged(
    withoutAll(
      service,
      callers.filter((caller) => !counts(caller)),
    ),
  );
  if (sure.outcome === "fail") return sure;
  const same = callers.filter((caller) => outcomeOf(caller) === "same");
  const rest = judged(withoutAll(service, same));
  if (rest.outcome === "fail") {
    const isNew = callers.some((caller) => outcomeOf(caller) === "differs" && !counts(caller));
    const isUnknown = callers.some(
      (caller) => hasFailed(caller, kind) && !["same", "differs"].includes(outcomeOf(caller) ?? ""),
    );
    const unless = isUnknown
      ? "it is unknown whether blue would answer what green did not"
      : "blue answers what green did not, but the requests of those callers alone do not fail it";
    const doubt = isNew ? "only new callers met what blue answers" : unless;
    return {
      ...checkResult("inconclusive", `${rest.text}; ${doubt}. ${LOOK}`),
      why: isNew ? "disputed" : "uncompared",
    };
  }
  return {
    ...rest,
    text: `${rest.text}; not counted: ${amount(same.length, "sender")} whose requests blue fails as well`,
  };
}

/** Whether a caller may have a request that counts in a comparison: any answer may be slow. */
const hasFailed = ({ answered, errors, refused }: CallerMetrics, kind: Failing): boolean =>
  ({ fault: errors, refusal: refused, slow: answered })[kind] > 0;

const withoutAll = (service: ServiceMeasured, callers: readonly CallerMetrics[]): ServiceMeasured =>
  callers.reduce((left, { id }) => without(left, id), service);

const NOTHING: SenderMetrics = { requests: 0, answered: 0, errors: 0, refused: 0, latencies: [], open: [] };

/** A sender's requests to green, and those of the comparison: to blue, and to any revision in the step before. */
export function ownFigures(
  { green, served }: ServiceMeasured,
  sender: string,
): { now: SenderMetrics; before: SenderMetrics } {
  return { now: ownValue(green.senders, sender) ?? NOTHING, before: ownValue(served, sender) ?? NOTHING };
}

/** `; not counted: 26 requests of one sender (1a2b3c4d), 26 faults, 0 refused`. */
export function senderText(service: ServiceMeasured, sender: string): string {
  const { now } = ownFigures(service, sender);
  return `; not counted: ${amount(completedRequests(now), "request")} of one sender (${sender.slice(0, 8)}), ${amount(now.errors, "fault")}, ${now.refused} refused`;
}

/** Figures of which the judgement may make use whatever one sender sent: probes replace the rest. */
export function withoutFaultiest(green: RevisionMetrics): RevisionMetrics {
  const [first] = sendersOf({ green });
  const own = first === undefined ? undefined : ownValue(green.senders, first);
  return first !== undefined && own && faultsAndRefusals(own) > 0 ? less(green, first) : green;
}

/** The sum of senders' figures: of all callers that the router reports, else of the senders with most faults. */
export function sumOfSenders(all: readonly (RevisionMetrics | undefined)[]): Record<string, SenderMetrics> {
  const sums = new Map<string, SenderMetrics>();
  for (const of of all) {
    const callers = of?.callers?.map((own) => [own.id, { ...own, latencies: own.ms }] as const);
    for (const [sender, own] of callers ?? Object.entries(of?.senders ?? {})) {
      const sum = sums.get(sender) ?? NOTHING;
      sums.set(sender, {
        requests: sum.requests + own.requests,
        answered: sum.answered + own.answered,
        errors: sum.errors + own.errors + (own.earlier ?? 0),
        refused: sum.refused + own.refused,
        latencies: [...sum.latencies, ...own.latencies],
        open: [],
      });
    }
  }
  return Object.fromEntries(sums);
}
