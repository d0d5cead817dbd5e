import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { rounded, valueAt } from "../../src/core/json.ts";
import { startOf } from "../../src/core/unicode.ts";
import {
  type CheckRule,
  completedRequests,
  countedService,
  type HealthMeasured,
  type InvariantMeasured,
  type InvariantValue,
  isSameTable,
  type Measurement,
  type ProbeMeasured,
  type Probes,
  questionsFor,
  type ServiceMeasured,
  withoutFaultiest,
} from "../../src/delivery/index.ts";
import type { TrafficState } from "../../src/delivery/wire.ts";
import { probe } from "../../src/fleet/health/probe.ts";
import { didNotPass } from "../../src/fleet/health/schema.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { askService } from "./ask-service.ts";
import type { Compare } from "./compare.ts";
import { figuresOf } from "./figures.ts";
import { remainingSteps, servicesToMove, type Wanted } from "./plan.ts";

/** A message and the expected fields of its reply. */
interface Asked {
  readonly action: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly expect?: Readonly<Record<string, unknown>> | undefined;
}

/** Largest number of concurrent probes. */
const CONCURRENT_PROBES = 5;

/** Measures what the router's figures do not show, by asking the revisions themselves. */
export interface Measure {
  /** Reads the invariants' values before this run moves traffic. */
  begin(): Promise<void>;
  now(state: TrafficState): Promise<Measurement>;
}

/** How a verdict learns about single callers. */
interface Callers {
  /** The router's state with the figures of some services' callers. */
  readCallers(services: readonly string[]): Promise<TrafficState>;
  /** Asks blue what green failed. */
  readonly compare: Compare;
}

/**
 * Everything that a verdict needs: the router's figures, green's own health, declared probes, and probes if there are few callers.
 *
 * @param callers without it, requests are judged, as with routers of earlier versions
 */
export function measureBy(
  session: Session,
  wanted: Wanted,
  budget: () => Budget,
  callers?: Callers,
): Measure {
  const rules = wanted.strategy.checks;
  const before = new Map<string, InvariantValue>();
  const kept = async (rule: Invariant, place: ProcessRef): Promise<InvariantValue> => {
    try {
      const answer = await askService(session, wanted, rule.service, place, rule, budget());
      return { value: valueAt(answer, rule.path.split(".")) };
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return { problem: error.problems[0].what };
    }
  };
  const invariants = rules.flatMap((rule) => (rule.kind === "invariant" ? [rule] : []));
  return {
    async begin() {
      for (const rule of invariants) before.set(rule.name, await kept(rule, servingOf(wanted, rule.service)));
    },
    async now(given) {
      const names = servicesToMove(wanted);
      const detailed = await callers?.readCallers(names);
      // Another table has other figures; the run finds out when it reads the router again.
      const state = detailed && isSameTable(detailed.table, given.table) ? detailed : given;
      const services = Object.fromEntries(
        await Promise.all(
          names.map(
            async (name) =>
              [name, await measured(session, wanted, name, state, budget(), callers?.compare)] as const,
          ),
        ),
      );
      const probes: Record<string, ProbeMeasured> = {};
      for (const rule of rules) {
        if (rule.kind === "probe") probes[rule.name] = await declared(session, wanted, rule, budget());
      }
      const held: Record<string, InvariantMeasured> = {};
      for (const rule of invariants)
        held[rule.name] = {
          before: before.get(rule.name) ?? { problem: "it was not measured before traffic moved" },
          after: await kept(rule, placeOf(wanted, rule.service)),
        };
      return { services, probes, invariants: held };
    },
  };
}

type Invariant = Extract<CheckRule, { kind: "invariant" }>;

/** The process that serves before this release: blue, if traffic moves. */
function servingOf(wanted: Wanted, name: string): ProcessRef {
  const processId = wanted.services[name]?.blue?.processId;
  return processId === undefined
    ? placeOf(wanted, name)
    : { name: `${name}@${processId.slice(0, 8)}`, processId, generation: 1 };
}

async function measured(
  session: Session,
  wanted: Wanted,
  name: string,
  state: TrafficState,
  budget: Budget,
  compare?: Compare,
): Promise<ServiceMeasured> {
  const { strategy } = wanted;
  const place = placeOf(wanted, name);
  const figures = figuresOf(wanted, name, state);
  const compared = await compare?.(name, questionsFor(strategy.checks, figures), budget);
  const asksHealth = strategy.checks.some(({ kind }) => kind === "health");
  const list = substituteProbes(wanted, name);
  const counted = withoutFaultiest(
    countedService({ ...figures, compared }, leastSamples(strategy.checks)).green,
  );
  // If green only refused requests, refusals are no evidence for it, but declared probes can be.
  const n = list.length > 0 && counted.answered === 0 ? counted.errors : completedRequests(counted);
  const missing = Math.min(strategy.probes, leastSamples(strategy.checks) - n);
  const step = remainingSteps(wanted, state.proven)[(state.table?.step ?? 1) - 1];
  return {
    ...figures,
    compared,
    revision: `${name}@${place.processId.slice(0, 8)}`,
    isUnrouted: step?.weightBp === 0 && !step.mirror,
    intervalMs: (step?.intervalSeconds ?? strategy.intervalSeconds) * 1000,
    ms: state.metrics && state.at - state.metrics.since,
    health: asksHealth ? await health(session, place, budget) : undefined,
    probes: missing > 0 ? await probing(session, wanted, name, missing, list, budget) : undefined,
  };
}

/** The number of requests that the checks need: at least one, because no traffic is never a pass. Pure. */
const leastSamples = (rules: readonly CheckRule[]): number =>
  Math.max(1, ...rules.map((rule) => (rule.kind === "errorRate" ? rule.minSamples : 1)));

function placeOf({ services }: Wanted, name: string): ProcessRef {
  const processId = services[name]?.green.processId ?? "";
  // Reads have their own nonce, so their keys need no generation.
  return { name, processId, generation: 1 };
}

async function health(session: Session, place: ProcessRef, budget: Budget): Promise<HealthMeasured> {
  try {
    const { healthStatus, checks } = await probe(session, place, "ALL", {}, budget);
    const bad = checks.filter(didNotPass);
    return {
      status: healthStatus,
      reasons: bad.map((check) => `${check.name}: ${check.detail ?? check.status}`),
    };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.transient) return { problem: error.problems[0].what };
    return { status: "OFFLINE", reasons: [error.problems[0].what] };
  }
}

/** Messages that may replace callers: the declared probes of a service without state, which can be sent repeatedly. */
function substituteProbes({ services, strategy }: Wanted, name: string): Asked[] {
  const service = services[name];
  if (service?.state !== "none") return [];
  const rules = strategy.checks.flatMap((rule) =>
    rule.kind === "probe" && rule.service === name ? [rule] : [],
  );
  return [...rules, ...(service.probes ?? [])];
}

/** Sends `n` probes to green itself. Messages that a unit loses do not count. */
async function probing(
  session: Session,
  wanted: Wanted,
  name: string,
  n: number,
  list: readonly Asked[],
  budget: Budget,
): Promise<Probes> {
  const place = placeOf(wanted, name);
  let [sent, failed] = [0, 0];
  let reason: string | undefined;
  const one = async (index: number) => {
    // Sent as a caller would send it, so that a program's own `Info` handler answers, and not the library.
    const asked: Asked = list[index % list.length] ?? { action: "Info" };
    try {
      const answer = await askService(session, wanted, name, place, asked, within(budget, 30));
      const [difference] = differences(answer, asked.expect ?? {});
      sent += 1;
      if (difference === undefined) return;
      failed += 1;
      reason ??= `${asked.action}: ${difference}`;
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      if (error.transient) return;
      [sent, failed] = [sent + 1, failed + 1];
      reason ??= error.problems[0].what;
    }
  };
  for (let at = 0; at < n; at += CONCURRENT_PROBES) {
    const length = Math.min(CONCURRENT_PROBES, n - at);
    await Promise.all(Array.from({ length }, (_, index) => one(at + index)));
  }
  return { sent, failed, reason, declared: list.length > 0 };
}

async function declared(
  session: Session,
  wanted: Wanted,
  { service, action, data, expect }: Extract<CheckRule, { kind: "probe" }>,
  budget: Budget,
): Promise<ProbeMeasured> {
  try {
    const place = placeOf(wanted, service);
    const answer = await askService(session, wanted, service, place, { action, data }, budget);
    return { differences: differences(answer, expect) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.transient || error.code === "NO_REPLY") return { problem: error.problems[0].what };
    return { differences: [error.problems[0].what] };
  }
}

/** Fields of `expect` that are missing in a reply or have another value. Pure. */
function differences(
  answer: Readonly<Record<string, unknown>>,
  expect: Readonly<Record<string, unknown>>,
): string[] {
  const text = (value: unknown) => (value === undefined ? "nothing" : startOf(canonicalJson(value), 80));
  return Object.entries(expect).flatMap(([key, value]) =>
    canonicalJson(rounded(answer[key])) === canonicalJson(value)
      ? []
      : [`${key} is ${text(answer[key])}, expected ${text(value)}`],
  );
}
