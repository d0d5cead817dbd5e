/**
 * Callers instead of requests: wallets and requests are free, so a caller counts by a capped number of its requests, requests of one
 * caller count as one observation if they are alike, and callers known from before the rollout are counted apart from new ones. Pure.
 */
import { own as ownValue } from "../core/own.ts";
import type { CallerMetrics } from "./caller-figures.ts";
import { type Comparisons, type Failing, NOT_COMPARED, outcomesOf } from "./comparison.ts";
import type { Count } from "./counts.ts";
import { completedRequests, type ServiceMeasured } from "./measurement.ts";
import { lowestRate } from "./statistics.ts";
import type { RevisionMetrics } from "./wire.ts";

/** The fewest callers by which a verdict can fail, and with fewer callers in all a service's only ones are compared with themselves. */
export const LEAST_CALLERS = 3;

/** Requests of one caller that count, unless there are so few callers that more are needed for `minSamples`. */
const MOST_OF_ONE = 10;

/** Callers known from before the rollout, and new ones. */
export interface Crowd {
  readonly known: readonly CallerMetrics[];
  readonly new: readonly CallerMetrics[];
}

export const crowdOf = (of: Pick<RevisionMetrics, "callers"> | undefined): Crowd => ({
  known: (of?.callers ?? []).filter(({ known }) => known),
  new: (of?.callers ?? []).filter(({ known }) => !known),
});

/** Whether anybody is known from before the rollout, also if nobody of them calls now: then new callers do not decide alone. */
export const hasKnownCallers = ({ green, blue, wasServed }: ServiceMeasured): boolean =>
  wasServed === true || crowdOf(green).known.length + crowdOf(blue).known.length > 0;

/** Everybody who called a service, now or in the step before. */
const everybody = ({ green, blue, served }: ServiceMeasured): Set<string> =>
  new Set([
    ...[...(green.callers ?? []), ...(blue?.callers ?? [])].map(({ id }) => id),
    ...Object.keys(served ?? {}),
  ]);

/** Whether a service has enough callers to judge them as a crowd. Routers of earlier versions do not report callers. */
export const isCrowd = (service: ServiceMeasured): boolean =>
  service.green.callers !== undefined && everybody(service).size >= LEAST_CALLERS;

/** Callers of longest standing whose requests are all compared, and of whom most must agree that green fails. */
const MOST_ELDERS = 11;

/**
 * The callers of longest standing: however many wallets somebody has, they are not among those who came before them. Of new callers, and on a router
 * of an earlier version, nobody is known to be.
 */
export function eldersOf(callers: readonly CallerMetrics[]): ReadonlySet<string> {
  const own = callers.filter((caller) => completedOf(caller) > 0);
  if (own.some(({ since }) => since === undefined)) return new Set();
  const sorted = own.sort((a, b) => Number(a.since) - Number(b.since) || (a.id < b.id ? -1 : 1));
  return new Set(sorted.slice(0, MOST_ELDERS).map(({ id }) => id));
}

/** A caller's requests that count, and how many of them failed in a way. Fractions, because a caller's requests are scaled to its cap. */
export interface Unit {
  readonly id: string;
  readonly n: number;
  /** Blue answers them. */
  readonly differs: number;
  /** Whether blue would have answered them is not known. */
  readonly unknown: number;
  /** Blue fails them as well: not in `n`. */
  readonly same: number;
  /** The probability that blue answers what this caller met, from 0 to 1. */
  readonly met: number;
  /** The probability that this is known. It is 1 for a caller of whom nothing failed. */
  readonly known: number;
}

/** Completed requests of a caller, without those that it was refused because it sent too many. */
const completedOf = (of: CallerMetrics): number => completedRequests(of) - of.limited;

/** Its requests that failed in a way, and how many of them cannot be compared whatever blue answers. */
function failedOf(of: CallerMetrics, kind: Exclude<Failing, "slow">): { bad: number; incomparable: number } {
  return kind === "fault"
    ? { bad: of.errors, incomparable: Math.min(of.busy, of.errors) }
    : { bad: of.refused - of.limited, incomparable: 0 };
}

const shareOf = (part: number, all: number): number => (all === 0 ? 0 : part / all);

const capOf = (callers: readonly CallerMetrics[], minSamples: number): number =>
  Math.max(MOST_OF_ONE, Math.ceil(minSamples / Math.max(1, callers.length)));

const scaleOf = (of: CallerMetrics, cap: number): number => Math.min(1, shareOf(cap, completedOf(of)));

/** Confidence in what is said of callers that were not drawn. */
export const SURE = 0.99;

/**
 * How a group's failed requests compare. Those of callers that were not drawn compare as the others', but are the same only as far as the
 * sample makes sure: whoever has many wallets fills it with requests that blue fails as well.
 */
function sharesOf(callers: readonly CallerMetrics[], kind: Failing, compared: Comparisons) {
  const elders = eldersOf(callers);
  const others = callers.filter(({ id }) => !elders.has(id));
  const { same, differs, again, unknown } = outcomesOf(others, compared[kind]);
  const drawn = same + differs + again + unknown;
  const sure = lowestRate({ events: same, n: drawn }, SURE);
  const rest =
    drawn === 0
      ? { same: 0, differs: 0, unknown: 1, known: 0 }
      : {
          ...{ same: sure, differs: differs / drawn, unknown: 1 - sure - differs / drawn },
          known: (same + differs) / drawn,
        };
  return ({ id }: CallerMetrics) => {
    const own = ownValue(compared[kind], id);
    if (own === undefined) return rest;
    return {
      same: own === "same" ? 1 : 0,
      differs: own === "differs" ? 1 : 0,
      unknown: own === "unknown" || own === "again" ? 1 : 0,
      known: own === "same" || own === "differs" ? 1 : 0,
    };
  };
}

/** The callers of a group as units. */
export function unitsOf(
  callers: readonly CallerMetrics[],
  kind: Exclude<Failing, "slow">,
  minSamples: number,
  compared: Comparisons = NOT_COMPARED,
): Unit[] {
  const cap = capOf(callers, minSamples);
  const shares = sharesOf(callers, kind, compared);
  return callers.flatMap((of): Unit[] => {
    const scale = scaleOf(of, cap);
    if (scale === 0) return [];
    const { bad, incomparable } = failedOf(of, kind);
    const { same, differs, unknown, known } = shares(of);
    const comparable = scale * (bad - incomparable);
    return [
      {
        id: of.id,
        n: scale * completedOf(of) - comparable * same,
        differs: comparable * differs,
        unknown: comparable * unknown + scale * incomparable,
        same: comparable * same,
        met: comparable > 0 ? differs : 0,
        known: comparable > 0 ? known : bad > 0 ? 0 : 1,
      },
    ];
  });
}

/** A sum of units. */
export function totalOf(units: readonly Unit[], events: (unit: Unit) => number): Count {
  return units.reduce((sum, unit) => ({ events: sum.events + events(unit), n: sum.n + unit.n }), {
    events: 0,
    n: 0,
  });
}

/**
 * The count that independent requests with the same information would have (Rao and Scott, 1992): divided by the design effect, the
 * variance between callers relative to that of independent requests. If each caller's requests all end alike, each counts once.
 */
export function clustered(units: readonly Unit[], events: (unit: Unit) => number): Count {
  const own = units.filter(({ n }) => n > 0);
  const total = totalOf(own, events);
  if (total.n === 0) return { events: 0, n: 0 };
  const p = Math.min(1, total.events / total.n);
  const alike = own.reduce((sum, { n }) => sum + n * n, 0) / total.n;
  const scatter = own.reduce((sum, unit) => sum + (events(unit) - p * unit.n) ** 2, 0);
  const k = own.length;
  const independent = (p * (1 - p)) / total.n;
  const between = k < 2 ? Number.POSITIVE_INFINITY : ((k / (k - 1)) * scatter) / total.n ** 2;
  const measured = independent === 0 ? (p === 0 ? 1 : alike) : between / independent;
  const effect = Math.max(1, Math.min(measured, Math.max(alike, 1) * k));
  return { events: Math.round(total.events / effect), n: Math.max(1, Math.round(total.n / effect)) };
}

/**
 * The service without the one caller whose requests say most against green and could not be compared, if the others sent enough:
 * no caller decides alone. Such a caller is left out only if its share is above `limit`.
 */
export function withoutOne(
  service: ServiceMeasured,
  kind: Exclude<Failing, "slow">,
  { minSamples, limit }: { readonly minSamples: number; readonly limit: number },
): { readonly service: ServiceMeasured; readonly left?: string } {
  const { green, compared = NOT_COMPARED } = service;
  const units = Object.values(crowdOf(green)).flatMap((group) => unitsOf(group, kind, minSamples, compared));
  const doubtful = units.filter(
    ({ id, n, unknown }) => unknown > limit * n && ownValue(compared[kind], id) !== "differs",
  );
  const [worst] = doubtful.sort((a, b) => b.unknown - a.unknown || (a.id < b.id ? -1 : 1));
  const rest = units.reduce((sum, { id, n }) => sum + (id === worst?.id ? 0 : n), 0);
  if (worst === undefined || rest < minSamples || units.length <= LEAST_CALLERS) return { service };
  const callers = green.callers?.filter(({ id }) => id !== worst.id);
  return { service: { ...service, green: { ...green, callers } }, left: worst.id };
}

/**
 * A service's figures as they count: capped for each caller, without the requests that blue fails as well. What a pass requires is
 * counted by them.
 */
export function countedService(service: ServiceMeasured, minSamples: number): ServiceMeasured {
  if (!isCrowd(service)) return service;
  const { green, blue, compared = NOT_COMPARED } = service;
  return {
    ...service,
    green: counted(green, minSamples, compared),
    blue: blue?.callers === undefined ? blue : counted(blue, minSamples, NOT_COMPARED),
    served: undefined,
  };
}

/** Open requests of one caller that count: somebody waits for each answer. */
const MOST_OPEN = 2;

function counted(of: RevisionMetrics, minSamples: number, compared: Comparisons): RevisionMetrics {
  const { known, new: others } = crowdOf(of);
  const cap = capOf(of.callers ?? [], minSamples);
  const sums = { answered: 0, errors: 0, refused: 0, open: [] as number[] };
  for (const group of [known, others]) {
    const [faults, refusals] = [sharesOf(group, "fault", compared), sharesOf(group, "refusal", compared)];
    for (const caller of group) {
      const scale = scaleOf(caller, cap);
      const [fault, refusal] = [failedOf(caller, "fault"), failedOf(caller, "refusal")];
      sums.answered += scale * caller.answered;
      sums.errors += scale * (fault.bad - (fault.bad - fault.incomparable) * faults(caller).same);
      sums.refused += scale * refusal.bad * (1 - refusals(caller).same);
      sums.open.push(...caller.open.slice(0, MOST_OPEN));
    }
  }
  const [answered, errors, refused] = [sums.answered, sums.errors, sums.refused].map(Math.round) as [
    number,
    number,
    number,
  ];
  const open = sums.open.sort((a, b) => b - a);
  const { senders: _, callers: __, ...rest } = of;
  return { ...rest, answered, errors, refused, requests: answered + errors + refused + open.length, open };
}

/**
 * Whether a caller's requests fail more often than the same caller's did at the old revision, by more than a share. What a busy revision
 * has no place for does not count: anyone can keep it busy.
 */
export function isServedWorse(
  caller: CallerMetrics,
  kind: Exclude<Failing, "slow">,
  served: ServiceMeasured["served"],
  tolerance: number,
): boolean | undefined {
  const before = served?.[caller.id];
  const n = before === undefined ? 0 : completedRequests(before);
  if (before === undefined || n === 0 || completedOf(caller) === 0) return undefined;
  const then = shareOf(kind === "fault" ? before.errors : before.refused, n);
  const { bad, incomparable } = failedOf(caller, kind);
  return shareOf(bad - incomparable, completedOf(caller)) > then + tolerance;
}
