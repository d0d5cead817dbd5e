import type { Problem } from "../core/errors.ts";
import { percent, stepsOf } from "./steps.ts";
import { type StatePolicy, type Strategy, WHOLE } from "./strategy.ts";

/** What matters of a service. */
interface CombinedService {
  readonly state: StatePolicy;
  readonly key?: string;
  /** Members whose ids it is told. @default none */
  readonly peers?: readonly string[];
}

/** What is looked at together with a strategy. */
export interface Combined {
  /** Services whose traffic it moves, by name. */
  readonly services: Readonly<Record<string, CombinedService>>;
  /** Member that carries the router. @default none */
  readonly router?: string;
  /** Members that were adopted. @default none */
  readonly adopted?: readonly string[];
}

/**
 * Every combination that cannot work, as errors of the plan, all at once. `at` is the strategy's path in the declaration. Pure.
 *
 * Codes: TRAFFIC_NEEDS_BLUE_GREEN, STEPS_FALL, STEPS_END_EARLY, STEPS_NOT_SPLIT, ROLLING_ONLY, STATE_OWNED_SPLIT,
 * STATE_PARTITIONED_SPLIT, ROUTER_IN_PLACE, ADOPTED_IN_PLACE, PROBE_UNKNOWN_SERVICE, PROBE_TWICE, CHECK_NEEDS_TRAFFIC,
 * INVARIANT_OF_A_PART, MIRROR_HAS_EFFECTS, MIRROR_LAST
 */
export function strategyProblems(strategy: Strategy, combined: Combined, at = "strategy"): Problem[] {
  return [
    ...kindProblems(strategy, at),
    ...stepProblems(strategy, at),
    ...stateProblems(strategy, combined, at),
    ...mirrorProblems(strategy, combined, at),
    ...placeProblems(strategy, combined, at),
    ...checkProblems(strategy, combined, at),
  ];
}

const isBlueGreen = ({ kind }: Strategy): boolean => kind === "blue-green";

function kindProblems(strategy: Strategy, at: string): Problem[] {
  const problems: Problem[] = [];
  for (const field of ["trafficStrategy", "steps"] as const) {
    if (strategy[field] === undefined || isBlueGreen(strategy)) continue;
    problems.push({
      code: "TRAFFIC_NEEDS_BLUE_GREEN",
      what: `A ${strategy.kind} strategy loads code in place: it has no second revision to give traffic to.`,
      got: `${field} beside kind: ${strategy.kind}`,
      expected: 'kind: "blue-green"',
      remedy: `Take kind: "blue-green", or drop ${field}.`,
      at: `${at}.${field}`,
    });
  }
  for (const field of ["maxParallel", "minHealthySeconds"] as const) {
    if (strategy[field] === undefined || strategy.kind === "rolling") continue;
    problems.push({
      code: "ROLLING_ONLY",
      what: `${field} is of the batches of a rolling strategy; ${strategy.kind} has none.`,
      got: `${field} beside kind: ${strategy.kind}`,
      expected: 'kind: "rolling"',
      remedy: `Take kind: "rolling", or drop ${field}.`,
      at: `${at}.${field}`,
    });
  }
  return problems;
}

function stepProblems(strategy: Strategy, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const steps = stepsOf(strategy);
  const problems: Problem[] = [];
  steps.forEach(({ weightBp }, index) => {
    const before = steps[index - 1]?.weightBp ?? 0;
    if (weightBp >= before) return;
    problems.push({
      code: "STEPS_FALL",
      what: "Green's share falls from one step to the next: callers who saw the new version would be sent back.",
      got: `${percent(before)}, then ${percent(weightBp)}`,
      expected: "steps that rise or stay",
      remedy: "Order the steps by weightBp.",
      at: `${at}.steps[${index}].weightBp`,
    });
  });
  const last = steps.at(-1)?.weightBp ?? 0;
  const split = strategy.trafficStrategy === "A_B_TEST";
  if (!split && last !== WHOLE)
    problems.push({
      code: "STEPS_END_EARLY",
      what: "The rollout ends before all traffic is green's, so the old revision could never be retired.",
      got: percent(last),
      expected: percent(WHOLE),
      remedy: `Add a last step with weightBp: ${WHOLE}, or take trafficStrategy: "A_B_TEST", which ends as a steady split.`,
      at: `${at}.steps`,
    });
  if (split && (last === 0 || last === WHOLE))
    problems.push({
      code: "STEPS_NOT_SPLIT",
      what: "An A_B_TEST ends as a steady split, and this one gives everything to one side.",
      got: percent(last),
      expected: "a last step between 0.01 % and 99.99 %",
      remedy: 'Change the last step, or take trafficStrategy: "CANARY".',
      at: `${at}.steps`,
    });
  return problems;
}

function stateProblems(strategy: Strategy, { services }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const shares = stepsOf(strategy).map(({ weightBp }) => weightBp);
  const splits = shares.filter((share) => share > 0 && share < WHOLE);
  if (splits.length === 0) return [];
  const got = `${strategy.trafficStrategy ?? "steps"}: ${splits.map(percent).join(", ")}`;
  return Object.entries(services).flatMap(([name, { state }]): Problem[] => {
    if (state === "none") return [];
    if (state === "owned")
      return [
        {
          code: "STATE_OWNED_SPLIT",
          what: `${name} owns its state: half of its callers on another revision would see another state.`,
          got,
          expected: 'INSTANT, which hands the state over and switches at one slot, or state: "none"',
          remedy: `Take trafficStrategy: "INSTANT" for ${name}, or declare state: "none" if it keeps nothing between messages.`,
          at,
        },
      ];
    // Keys go along step by step; but the next release's salt would find them elsewhere in a split that stays.
    if (shares.at(-1) === WHOLE) return [];
    return [
      {
        code: "STATE_PARTITIONED_SPLIT",
        what: `${name} keeps its state by key: a split that stays would leave the next release no way to tell whose keys are where.`,
        got,
        expected: "steps that end with all of it: INSTANT, GRADUAL, CANARY",
        remedy: `Take another trafficStrategy for ${name}.`,
        at,
      },
    ];
  });
}

function mirrorProblems(strategy: Strategy, { services, router }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const steps = stepsOf(strategy);
  if (!steps.some(({ mirror }) => mirror)) return [];
  const problems: Problem[] = [];
  if (steps.at(-1)?.mirror === true)
    problems.push({
      code: "MIRROR_LAST",
      what: "The last step mirrors: what it ends with has no more copies to get.",
      got: `mirror: true at ${percent(steps.at(-1)?.weightBp ?? 0)}`,
      expected: "mirror on a step before the last",
      remedy: "Drop it there, or add a step after it.",
      at: `${at}.steps[${steps.length - 1}].mirror`,
    });
  for (const [name, { state, peers = [] }] of Object.entries(services)) {
    const others = peers.filter((peer) => peer !== router);
    if (state === "none" && others.length === 0) continue;
    problems.push({
      code: "MIRROR_HAS_EFFECTS",
      what: `${name} would do for every copy what it does for a request: nobody sees the answer, but the effects are real.`,
      got: state === "none" ? `peers ${others.join(", ")}` : `state: "${state}"`,
      expected: 'state: "none", and no peers but the router',
      remedy: `Drop mirror, or keep ${name} out of this strategy.`,
      at,
    });
  }
  return problems;
}

function placeProblems(strategy: Strategy, { services, router, adopted }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const problems: Problem[] = [];
  if (router !== undefined && services[router] !== undefined)
    problems.push({
      code: "ROUTER_IN_PLACE",
      what: `${router} carries the router: a new process beside it would have no callers to be given.`,
      got: 'kind: "blue-green"',
      expected: '"sequential", which loads it in place',
      remedy: `Declare strategy: { kind: "sequential" } for ${router}.`,
      at,
    });
  for (const name of adopted ?? []) {
    if (services[name] === undefined) continue;
    problems.push({
      code: "ADOPTED_IN_PLACE",
      what: `${name} was adopted by its id: a new process beside it would not be the one that was asked for.`,
      got: 'adopt beside kind: "blue-green"',
      expected: '"sequential", which loads it in place',
      remedy: `Drop adopt or the strategy of ${name}.`,
      at,
    });
  }
  return problems;
}

function checkProblems(strategy: Strategy, { services }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const names = Object.keys(services).sort();
  const splits = stepsOf(strategy).some(({ weightBp }) => weightBp > 0 && weightBp < WHOLE);
  const problems: Problem[] = [];
  const seen = new Set<string>();
  strategy.checks.forEach((rule, index) => {
    if (rule.kind !== "probe" && rule.kind !== "invariant") return;
    const path = `${at}.checks[${index}]`;
    if (!names.includes(rule.service))
      problems.push({
        code: "PROBE_UNKNOWN_SERVICE",
        what: `The ${rule.kind} ${rule.name} asks a service that this strategy does not move.`,
        got: rule.service,
        expected: names.join(", "),
        remedy: "Name one of those.",
        at: `${path}.service`,
      });
    if (rule.kind === "invariant" && splits && services[rule.service]?.state === "partitioned")
      problems.push({
        code: "INVARIANT_OF_A_PART",
        what: `${rule.service} keeps its state by key: on the way green has a part of it, and the old revision's whole is nothing to compare that with.`,
        got: `invariant ${rule.name} beside steps of a part`,
        expected: "fleet.invariant in the program, or INSTANT",
        remedy: "Say in the program what must hold of every key: each import and each health check asks it.",
        at: path,
      });
    if (seen.has(rule.name))
      problems.push({
        code: "PROBE_TWICE",
        what: "Two probes or invariants have the same name, so a verdict could not say which of them failed.",
        got: rule.name,
        expected: "a name of its own for each",
        remedy: "Rename one.",
        at: `${path}.name`,
      });
    seen.add(rule.name);
  });
  if (strategy.probes === 0 && strategy.intervalSeconds === 0 && strategy.steps === undefined)
    problems.push({
      code: "CHECK_NEEDS_TRAFFIC",
      what: "Nothing can be measured: no time to watch, and no probes.",
      got: "probes: 0, intervalSeconds: 0",
      expected: "probes, or an interval",
      remedy: "Raise one of them.",
      at,
    });
  return problems;
}
