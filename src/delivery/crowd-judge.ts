/**
 * What callers decide. Callers known from before the rollout and new ones are judged apart. Green fails only by requests that blue
 * answers; if the two groups disagree, or what failed cannot be compared, a person decides. Pure.
 */
import { amount } from "../core/amount.ts";
import { type Comparisons, type Failing, NOT_COMPARED, outcomesOf } from "./comparison.ts";
import { type CheckResult, type Count, checkResult, LOOK, rate, share } from "./counts.ts";
import {
  type Crowd,
  clustered,
  countedService,
  crowdOf,
  eldersOf,
  hasKnownCallers,
  isServedWorse,
  LEAST_CALLERS,
  SURE,
  totalOf,
  type Unit,
  unitsOf,
  withoutOne,
} from "./crowd.ts";
import type { ServiceMeasured } from "./measurement.ts";
import { binomialTail, lowestRate } from "./statistics.ts";

/** A check of requests, as far as callers are concerned. */
export interface CrowdTest {
  readonly kind: Exclude<Failing, "slow">;
  readonly minSamples: number;
  readonly confidence: number;
  /** Largest share of requests that blue answers and green does not. */
  readonly limit: number;
  /** Whether green's failed requests are significantly too many; `other`: blue's, if there are enough to compare with. */
  isTooMany(own: Count, other: Count | undefined): boolean;
  /** Whether they are too many to pass, though that may be chance. */
  isHigh(own: Count, other: Count | undefined): boolean;
  /** Fewest requests of blue to compare with. */
  readonly leastOfBlue: number;
}

/**
 * What a group of callers says: `fail` by requests that blue answers (refusals: of most of them), `some` if only a part of them met these, `few` if
 * more than half of them did, but that may be chance, `suspect` by requests that could not be compared, `chance` if it is too much to pass and too
 * little to fail, `clear`, or `none` if it has no requests.
 */
type Standing = "fail" | "some" | "few" | "suspect" | "chance" | "clear" | "none";

export interface Group {
  readonly standing: Standing;
  readonly callers: number;
  /** Of how many of its callers (faults and slow answers: those compared) it is known whether they met what blue answers; and how many did. */
  readonly known: number;
  readonly met: number;
  /** Its numbers. */
  readonly text: string;
}

/** Undefined if nothing is against a pass. */
export type Objection = CheckResult | undefined;

/** What the callers of a service have against green. */
function objectionOf(test: CrowdTest, service: ServiceMeasured): Objection {
  const [green, blue] = [crowdOf(service.green), crowdOf(service.blue)];
  const compared = service.compared ?? NOT_COMPARED;
  const groups = {
    known: groupOf(test, "known", green, otherOf(test, "known", blue, service), compared),
    new: groupOf(test, "new", green, otherOf(test, "new", blue, service), compared),
  };
  const isBroad = () => isBroadlyWorse(test, green, service);
  return decided(groups, hasKnownCallers(service), isBroad);
}

/** Blue's figures to compare a group with: those of the same group, else of everybody. */
function otherOf(
  test: CrowdTest,
  name: keyof Crowd,
  blue: Crowd,
  { blue: figures }: ServiceMeasured,
): Count | undefined {
  for (const callers of [blue[name], [...blue.known, ...blue.new]]) {
    const units = unitsOf(callers, test.kind, test.minSamples);
    if (totalOf(units, failed).n >= test.leastOfBlue) return clustered(units, failed);
  }
  if (figures === undefined || figures.callers !== undefined) return undefined;
  const events = test.kind === "fault" ? figures.errors : figures.refused;
  const n = figures.answered + figures.errors + figures.refused;
  return n >= test.leastOfBlue ? { events, n } : undefined;
}

const failed = ({ differs, unknown }: Unit): number => differs + unknown;
const confirmed = ({ differs }: Unit): number => differs;

function groupOf(
  test: CrowdTest,
  name: keyof Crowd,
  green: Crowd,
  other: Count | undefined,
  compared: Comparisons,
): Group {
  const units = unitsOf(green[name], test.kind, test.minSamples, compared);
  const all = totalOf(units, failed);
  const outcomes = outcomesOf(green[name], compared[test.kind]);
  const text = groupText(test, name, units, outcomes);
  const { met, known } = test.kind === "fault" ? comparedTally(outcomes) : tallyOf(units);
  const group = (standing: Standing): Group => ({ standing, callers: units.length, met, known, text });
  const isNobody = units.length === 0 || (all.n === 0 && totalOf(units, ({ same }) => same).events === 0);
  if (isNobody) return group("none");
  const elders = eldersOf(green[name]);
  const eldest = [...elders].flatMap((id) => units.filter((unit) => unit.id === id));
  if (share(totalOf(units, confirmed)) > test.limit) {
    const sure = clustered(units, confirmed);
    const isSure = binomialTail(sure.events, sure.n, test.limit) < 1 - test.confidence;
    if (!isSure || outcomes.differs < LEAST_CALLERS) return group("chance");
    // A fault that blue does not have is never on purpose, unlike a refusal: it need not be one of most callers.
    if (test.kind === "fault")
      return group(lowestRate({ events: met, n: known }, SURE) > SHARED ? "fail" : "some");
    return group(standingOfMost(units, eldest));
  }
  const likely = clustered(units, failed);
  if (test.isTooMany(likely, other)) return group("suspect");
  const old = tallyOf(eldest);
  const isAgainst = old.met > test.limit * old.known && old.met >= FEW;
  return group(isAgainst || test.isHigh(all, other) ? "chance" : "clear");
}

/** Callers of longest standing that are against a pass. */
const FEW = 2;
/** The share of a group's callers, and by their weight of those of longest standing, beyond which green fails most; and the chance of an error in that. */
const [HALF, CHANCE] = [0.5, 0.05];

/** How many callers met what blue answers, of how many it is known, and how many they are. */
interface Tally {
  readonly met: number;
  readonly known: number;
  readonly all: number;
}

/** Of the callers whose requests were compared. */
const comparedTally = ({ same, differs }: ReturnType<typeof outcomesOf>) => ({
  met: differs,
  known: same + differs,
});

function tallyOf(units: readonly Unit[], weightOf: (at: number) => number = () => 1): Tally {
  const sum = (of: (unit: Unit) => number) =>
    units.reduce((total, unit, at) => total + of(unit) * weightOf(at), 0);
  return { met: sum(({ met }) => met), known: sum(({ known }) => known), all: sum(() => 1) };
}

/**
 * Whether most callers met what blue answers, also of those of longest standing: a few may ask for what the release changed on purpose.
 * A caller whose requests could not be compared says neither, so these must be the minority: whoever keeps green busy keeps others from
 * being compared.
 */
function standingOfMost(
  units: readonly Unit[],
  eldest: readonly Unit[],
): Extract<Standing, "fail" | "some" | "few" | "suspect"> {
  const all = tallyOf(units);
  // In the order of their standing, the second counts a half, the third a third, and so on.
  const tallies = eldest.length === 0 ? [all] : [all, tallyOf(eldest, (at) => 1 / (at + 1))];
  if (tallies.some((each) => each.known <= HALF * each.all)) return "suspect";
  if (tallies.some((each) => each.met <= HALF * each.known)) return "some";
  const [met, known] = [Math.round(all.met), Math.round(all.known)];
  // Three or four callers are too few for the test, but if all of them met it, they say no less than two.
  return met === known || binomialTail(met, known, HALF) < CHANCE ? "fail" : "few";
}

/** The share of the callers whose faults were compared that must surely have met those of green alone; and of new callers, if there are several, that must have met what known ones did. */
const SHARED = 0.2;

/** Whether it is known of most callers of a group that they are served well, or that blue fails them as well. */
function isUnharmed({ standing, callers, met, known }: Group): boolean {
  if (callers < LEAST_CALLERS || standing === "suspect") return false;
  return standing === "clear" || (known >= LEAST_CALLERS && known > HALF * callers && met < SHARED * known);
}

function groupText(
  { kind }: CrowdTest,
  name: keyof Crowd,
  units: readonly Unit[],
  { same, differs, again, unknown }: ReturnType<typeof outcomesOf>,
): string {
  const { events, n } = totalOf(units, (unit) => unit.differs + unit.unknown + unit.same);
  const all = n + totalOf(units, (unit) => unit.same).events;
  const what = kind === "fault" ? amount(Math.round(events), "fault") : `${Math.round(events)} refused`;
  const of = `${amount(units.length, `${name} caller`)}: ${what} in ${amount(Math.round(all), "request")} (${rate(all === 0 ? 0 : events / all)})`;
  const drawn = same + differs + again + unknown;
  return drawn === 0
    ? of
    : `${of}, of ${drawn} compared blue answers ${differs}, fails ${same}, ${again + unknown} unknown`;
}

/** Known callers that broad damage requires, the share of them that is served worse, and by which share of its requests each is. */
const [BROAD_CALLERS, BROAD_SHARE, MUCH_WORSE] = [5, 0.9, 0.5];
/** The share of the compared requests that green fails again. */
const MOST_AGAIN = 2 / 3;

/**
 * Whether half of nearly every known caller's requests fail that did not fail before, and fail again if they are repeated. Only this fails
 * green by requests that cannot be compared: whoever has other wallets cannot keep green from answering these, and what fails because
 * green has too much to do does not fail again.
 */
function isBroadlyWorse(test: CrowdTest, { known }: Crowd, { served, compared }: ServiceMeasured): boolean {
  const { same, differs, again, unknown } = outcomesOf(known, compared?.[test.kind] ?? {});
  const repeated = differs + again;
  if (repeated < LEAST_CALLERS || repeated < MOST_AGAIN * (same + repeated + unknown)) return false;
  const worse = known
    .map((caller) => isServedWorse(caller, test.kind, served, MUCH_WORSE))
    .filter((each) => each !== undefined);
  return worse.length >= BROAD_CALLERS && worse.filter(Boolean).length / worse.length >= BROAD_SHARE;
}

/** Whether what a group met leaves open whether green fails most of it. */
const isUndecided = ({ standing }: Group): boolean =>
  standing === "suspect" || standing === "few" || standing === "chance";

/** The decision from both groups. */
export function decided(
  { known, new: others }: { readonly known: Group; readonly new: Group },
  hasKnown: boolean,
  isBroad: () => boolean,
): Objection {
  const both = `${known.text}; ${others.text}`;
  const disputed = (what: string): CheckResult => ({
    ...checkResult("inconclusive", `${what}. ${LOOK}: ${both}`),
    why: "disputed",
  });
  const [unlike, some] = [
    "known and new callers are not served alike",
    "only a part of the callers met what blue answers",
  ];
  const few = ({ met, known: n }: Group) =>
    `too few callers (${Math.round(met)} of ${Math.round(n)}) met what blue answers to decide`;
  const fails = () => checkResult("fail", `green: ${both}`);
  if (known.standing === "fail") return isUnharmed(others) ? disputed(unlike) : fails();
  if (isUndecided(known) && isBroad())
    return checkResult("fail", `green: ${both}; nearly every known caller was served better before`);
  if (others.standing === "fail") return hasKnown ? disputed(unlike) : fails();
  if (known.standing === "some" || others.standing === "some") return disputed(some);
  if (known.standing === "few" || others.standing === "few")
    return disputed(few(known.standing === "few" ? known : others));
  if (known.standing === "suspect" || others.standing === "suspect")
    return {
      ...checkResult(
        "inconclusive",
        `it is unknown whether blue would answer what green does not. ${LOOK}: ${both}`,
      ),
      why: "uncompared",
    };
  if (known.standing === "chance" || others.standing === "chance")
    return checkResult("inconclusive", `green: ${both}; that may be chance`);
  const isOnlyNew = hasKnown && known.standing === "none" && others.callers > 0;
  return isOnlyNew
    ? checkResult("inconclusive", `no caller known from before the rollout has had green yet; ${both}`)
    : undefined;
}

/** What callers decide, and what they leave to `passed`, which gets the figures that count. No caller decides alone. */
export function judgeCrowd(
  test: CrowdTest,
  measured: ServiceMeasured,
  passed: (counted: ServiceMeasured) => CheckResult,
): CheckResult {
  const { service, left } = withoutOne(measured, test.kind, test);
  const objection = objectionOf(test, service);
  if (objection !== undefined) return objection;
  const result = passed(countedService(service, test.minSamples));
  const one = left === undefined ? "" : `; not counted: the requests of one caller (${left.slice(0, 8)})`;
  return { ...result, text: `${result.text}${uncountedText(test, service)}${one}` };
}

/** How many of green's failed requests do not count, because blue fails them as well; empty if none. */
function uncountedText(test: Pick<CrowdTest, "kind" | "minSamples">, service: ServiceMeasured): string {
  const green = crowdOf(service.green);
  const units = [green.known, green.new].flatMap((group) =>
    unitsOf(group, test.kind, test.minSamples, service.compared),
  );
  const same = Math.round(totalOf(units, (unit) => unit.same).events);
  if (same === 0) return "";
  return `; not counted: ${test.kind === "fault" ? amount(same, "fault") : `${same} refused`} of requests that blue fails as well`;
}
