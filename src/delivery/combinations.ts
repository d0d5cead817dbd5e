import type { Problem } from "../core/errors.ts";
import { COMPLETE_STRATEGIES, percent, stepsOf } from "./steps.ts";
import { ALL_TRAFFIC_BP, type StatePolicy, type Strategy } from "./strategy.ts";

/** The properties of a service that matter here. */
interface CombinedService {
  readonly state: StatePolicy;
  readonly key?: string;
  /** Members whose ids it receives. @default none */
  readonly peers?: readonly string[];
}

/** The parts of a declaration that are checked together with a strategy. */
interface Combined {
  /** Services whose traffic the strategy shifts, by name. */
  readonly services: Readonly<Record<string, CombinedService>>;
  /** Member that carries the router. @default none */
  readonly router?: string;
  /** Members that were adopted. @default none */
  readonly adopted?: readonly string[];
}

/**
 * All invalid combinations, as errors of the plan. `at` is the strategy's path in the declaration. Pure.
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
      what: `A ${strategy.kind} strategy loads code in place and has no second revision that could get traffic.`,
      got: `${field} with kind: ${strategy.kind}`,
      expected: 'kind: "blue-green"',
      remedy: `Set kind: "blue-green", or remove ${field}.`,
      at: `${at}.${field}`,
    });
  }
  for (const field of ["maxParallel", "minHealthySeconds"] as const) {
    if (strategy[field] === undefined || strategy.kind === "rolling") continue;
    problems.push({
      code: "ROLLING_ONLY",
      what: `${field} applies to the batches of a rolling strategy; ${strategy.kind} has none.`,
      got: `${field} with kind: ${strategy.kind}`,
      expected: 'kind: "rolling"',
      remedy: `Set kind: "rolling", or remove ${field}.`,
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
      what: "Green's share decreases from one step to the next: callers of the new version would be sent back to the old one.",
      got: `${percent(before)}, then ${percent(weightBp)}`,
      expected: "steps that never decrease",
      remedy: "Order the steps by weightBp.",
      at: `${at}.steps[${index}].weightBp`,
    });
  });
  const last = steps.at(-1)?.weightBp ?? 0;
  const split = strategy.trafficStrategy === "A_B_TEST";
  if (!split && last !== ALL_TRAFFIC_BP)
    problems.push({
      code: "STEPS_END_EARLY",
      what: "The rollout ends before green has all traffic, so the old revision could never be retired.",
      got: percent(last),
      expected: percent(ALL_TRAFFIC_BP),
      remedy: `Add a last step with weightBp: ${ALL_TRAFFIC_BP}, or set trafficStrategy: "A_B_TEST", which ends as a permanent split.`,
      at: `${at}.steps`,
    });
  if (split && (last === 0 || last === ALL_TRAFFIC_BP))
    problems.push({
      code: "STEPS_NOT_SPLIT",
      what: "An A_B_TEST ends as a permanent split, but the last step sends all traffic to one side.",
      got: percent(last),
      expected: "a last step between 0.01 % and 99.99 %",
      remedy: 'Change the last step, or set trafficStrategy: "CANARY".',
      at: `${at}.steps`,
    });
  return problems;
}

function stateProblems(strategy: Strategy, { services }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const shares = stepsOf(strategy).map(({ weightBp }) => weightBp);
  const splits = shares.filter((share) => share > 0 && share < ALL_TRAFFIC_BP);
  if (splits.length === 0) return [];
  const got = `${strategy.trafficStrategy ?? "steps"}: ${splits.map(percent).join(", ")}`;
  return Object.entries(services).flatMap(([name, { state }]): Problem[] => {
    if (state === "none") return [];
    if (state === "owned")
      return [
        {
          code: "STATE_OWNED_SPLIT",
          what: `${name} owns its state: with a split, callers of the two revisions would see different states.`,
          got,
          expected:
            'INSTANT, which hands the state over and switches all traffic at one slot, or state: "none"',
          remedy: `Set trafficStrategy: "INSTANT" for ${name}, or declare state: "none" if it keeps nothing between messages.`,
          at,
        },
      ];
    // Keys move with each step; but after a permanent split the next release's salt would look for them elsewhere.
    if (shares.at(-1) === ALL_TRAFFIC_BP) return [];
    return [
      {
        code: "STATE_PARTITIONED_SPLIT",
        what: `${name} partitions its state by key: after a permanent split, the next release could not tell which revision has which keys.`,
        got,
        expected: `a strategy that ends at 100 %: ${COMPLETE_STRATEGIES.join(", ")}`,
        remedy: `Set another trafficStrategy for ${name}.`,
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
      what: "The last step mirrors requests, but after it there is no other revision to mirror from.",
      got: `mirror: true at ${percent(steps.at(-1)?.weightBp ?? 0)}`,
      expected: "mirror on a step before the last",
      remedy: "Remove mirror from the last step, or add a step after it.",
      at: `${at}.steps[${steps.length - 1}].mirror`,
    });
  for (const [name, { state, peers = [] }] of Object.entries(services)) {
    const others = peers.filter((peer) => peer !== router);
    if (state === "none" && others.length === 0) continue;
    problems.push({
      code: "MIRROR_HAS_EFFECTS",
      what: `Mirrored requests would have real effects in ${name}: only its answers are dropped.`,
      got: state === "none" ? `peers ${others.join(", ")}` : `state: "${state}"`,
      expected: 'state: "none", and no peers except the router',
      remedy: `Remove mirror, or exclude ${name} from this strategy.`,
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
      what: `${router} contains the router, so no router could shift callers to a new process next to it.`,
      got: 'kind: "blue-green"',
      expected: 'kind: "sequential", which loads code in place',
      remedy: `Declare strategy: { kind: "sequential" } for ${router}.`,
      at,
    });
  for (const name of adopted ?? []) {
    if (services[name] === undefined) continue;
    problems.push({
      code: "ADOPTED_IN_PLACE",
      what: `${name} is adopted by its process id; a blue-green release would replace it with a new process.`,
      got: 'adopt with kind: "blue-green"',
      expected: 'kind: "sequential", which loads code in place',
      remedy: `Remove adopt or the strategy of ${name}.`,
      at,
    });
  }
  return problems;
}

function checkProblems(strategy: Strategy, { services }: Combined, at: string): Problem[] {
  if (!isBlueGreen(strategy)) return [];
  const names = Object.keys(services).sort();
  const splits = stepsOf(strategy).some(({ weightBp }) => weightBp > 0 && weightBp < ALL_TRAFFIC_BP);
  const problems: Problem[] = [];
  const seen = new Set<string>();
  strategy.checks.forEach((rule, index) => {
    if (rule.kind !== "probe" && rule.kind !== "invariant") return;
    const path = `${at}.checks[${index}]`;
    if (!names.includes(rule.service))
      problems.push({
        code: "PROBE_UNKNOWN_SERVICE",
        what: `The ${rule.kind} ${rule.name} refers to a service whose traffic this strategy does not shift.`,
        got: rule.service,
        expected: names.join(", "),
        remedy: "Set one of these services.",
        at: `${path}.service`,
      });
    if (rule.kind === "invariant" && splits && services[rule.service]?.state === "partitioned")
      problems.push({
        code: "INVARIANT_OF_A_PART",
        what: `${rule.service} partitions its state by key: during the rollout green has only a part of it, which cannot be compared with the whole state of the old revision.`,
        got: `invariant ${rule.name} with partial steps`,
        expected: "fleet.invariant in the program, or INSTANT",
        remedy:
          "Declare in the program what must hold for every key: each import and each health check verifies it.",
        at: path,
      });
    if (seen.has(rule.name))
      problems.push({
        code: "PROBE_TWICE",
        what: "Two probes or invariants have the same name, so a verdict could not name the one that failed.",
        got: rule.name,
        expected: "unique names",
        remedy: "Rename one.",
        at: `${path}.name`,
      });
    seen.add(rule.name);
  });
  if (strategy.probes === 0 && strategy.intervalSeconds === 0 && strategy.steps === undefined)
    problems.push({
      code: "CHECK_NEEDS_TRAFFIC",
      what: "Nothing can be measured: the interval is 0 and there are no probes.",
      got: "probes: 0, intervalSeconds: 0",
      expected: "probes, or an interval",
      remedy: "Increase one of them.",
      at,
    });
  return problems;
}
