import type { Problem } from "../src/core/errors.ts";
import { strategyProblems } from "../src/delivery/combinations.ts";
import { type Strategy, StrategySchema } from "../src/delivery/strategy.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { policyOf } from "./state-findings.ts";

/** The rollout of the whole fleet, derived from its members' strategies. */
export interface Rollout {
  /** Members whose new code gets its own process, next to the old one. */
  readonly inNewProcess: ReadonlySet<string>;
  /** Member that carries the router. */
  readonly router?: string;
  /** How the traffic of those members moves: one table and one strategy for all of them. */
  readonly traffic?: Strategy;
  /** Members that must be deployed before a member, in addition to its dependencies. */
  readonly after: ReadonlyMap<string, readonly string[]>;
  /** Seconds that each member must stay healthy before the next batch starts. */
  readonly minHealthySeconds?: number;
}

/** Member that carries the router by default. */
export const ROUTER = "coordinator";

/** The member that carries the router. Pure. */
export const routerOf = ({ router, processes }: FleetDeclaration): string | undefined =>
  router ?? (processes[ROUTER] === undefined ? undefined : ROUTER);

/** Whether a member's process is spawned with a cron. */
const hasCron = (member: ProcessDeclaration | undefined): boolean =>
  member?.tags["Cron-Interval"] !== undefined;

/**
 * Whether a member's new code gets its own process, next to the old one. The fleet's strategy does not apply to the router and the ledger,
 * on which everything depends, to members with a cron, which would tick twice, and to members without the library, which can neither be
 * drained nor prove their health: those are loaded in place. Pure.
 */
export function getsNewProcess(fleet: FleetDeclaration, name: string): boolean {
  const own = fleet.processes[name]?.strategy;
  if (own !== undefined) return own.kind === "blue-green";
  const isFixed =
    name === routerOf(fleet) ||
    name === fleet.ledger ||
    hasCron(fleet.processes[name]) ||
    fleet.processes[name]?.lib === false;
  return fleet.strategy?.kind === "blue-green" && !isFixed;
}

/** Which members wait for which, and which of them move traffic. `order` is the order of creation. Pure. */
export function rolloutOf(fleet: FleetDeclaration, order: readonly string[]): Rollout {
  const { strategy } = fleet;
  const inNewProcess = new Set(order.filter((name) => getsNewProcess(fleet, name)));
  const [first] = inNewProcess;
  const router = routerOf(fleet);
  const traffic = first === undefined ? undefined : strategyOf(fleet, first);
  const batches = batchesOf(order, strategy);
  const after = new Map(
    batches.flatMap((batch, index) => batch.map((name) => [name, batches[index - 1] ?? []] as const)),
  );
  const { minHealthySeconds } = strategy ?? {};
  return {
    inNewProcess,
    after,
    ...(router === undefined ? {} : { router }),
    ...(traffic === undefined ? {} : { traffic }),
    ...(minHealthySeconds === undefined ? {} : { minHealthySeconds }),
  };
}

/** Batches of one (`sequential`) or `maxParallel` (`rolling`) members; any other kind is one batch, ordered by dependencies alone. */
function batchesOf(order: readonly string[], strategy: Strategy | undefined): string[][] {
  const size =
    strategy?.kind === "sequential"
      ? 1
      : strategy?.kind === "rolling"
        ? (strategy.maxParallel ?? 1)
        : order.length;
  const batches: string[][] = [];
  for (let at = 0; at < order.length; at += Math.max(1, size)) batches.push(order.slice(at, at + size));
  return batches;
}

/** The strategy of a member: its own, otherwise the fleet's. Pure. */
export const strategyOf = (fleet: FleetDeclaration, name: string): Strategy | undefined =>
  fleet.processes[name]?.strategy ?? fleet.strategy;

/** Every invalid combination of strategies and members. Pure. */
export function rolloutProblems(fleet: FleetDeclaration): Problem[] {
  const { processes, strategy, ledger } = fleet;
  const router = routerOf(fleet);
  const members = Object.entries(processes);
  const named = members.flatMap(([name, { strategy: own }]) =>
    own?.kind === "blue-green" ? [[name, own] as const] : [],
  );
  const inherited = members.filter(
    ([name, { strategy: own }]) => own === undefined && getsNewProcess(fleet, name),
  );
  const problems: Problem[] = [];
  if (fleet.router !== undefined && processes[fleet.router] === undefined)
    problems.push({
      code: "UNKNOWN_ROUTER",
      what: `"${fleet.router}" is declared as the router but is not in the fleet.`,
      at: "router",
      got: fleet.router,
      expected: `one of ${Object.keys(processes).join(", ")}`,
      remedy: "Declare it, or fix the name.",
    });
  if (router === undefined && named.length + inherited.length > 0)
    problems.push({
      code: "NO_ROUTER",
      what: "No member of this fleet carries a router, so traffic cannot move from the old revisions to the new ones.",
      at: "router",
      got: "no router",
      expected: `a member named "${ROUTER}", or another member with the router's capability`,
      remedy:
        'Declare router: "<member>" for a member whose program ends in require("fleet.carry").serve(), or use a strategy that loads code in place.',
    });
  const services = (list: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(
      list.map(([name]) => [
        name,
        { state: policyOf(processes[name]?.state), peers: processes[name]?.peers ?? [] },
      ]),
    );
  const adopted = members.flatMap(([name, { adopt }]) => (adopt === undefined ? [] : [name]));
  const around = { ...(router === undefined ? {} : { router }), adopted };
  if (strategy)
    problems.push(...strategyProblems(strategy, { ...around, services: services(inherited) }, "strategy"));
  for (const [name, member] of members) {
    const { strategy: own } = member;
    if (own === undefined) continue;
    const at = `processes.${name}.strategy`;
    problems.push(...strategyProblems(own, { ...around, services: services([[name, own]]) }, at));
    if (own.kind === "blue-green" && name === ledger) problems.push(ledgerInPlace(name, at));
    if (own.kind === "blue-green" && hasCron(member)) problems.push(cronInPlace(name, at));
    if (own.kind === "rolling") problems.push(rollingOfOne(name, at));
  }
  const unprovable = members.filter(
    ([name, { lib, state }]) => getsNewProcess(fleet, name) && !lib && policyOf(state) === "none",
  );
  problems.push(...unprovable.map(([name]) => withoutProof(name)));
  return [...problems, ...differingStrategies(fleet, named), ...unusableTesters(members, fleet)];
}

function withoutProof(name: string): Problem {
  return {
    code: "NO_LIBRARY_NO_PROOF",
    what: `${name} would get traffic from the router, but without the fleet's library (lib: false) it does not answer the router's health check.`,
    at: `processes.${name}.lib`,
    got: "lib: false with a strategy that creates a new process",
    expected: "a program that answers HEALTH_CHECK, as the library does, or code that is loaded in place",
    remedy: `Remove lib: false, or declare strategy: { kind: "sequential" } for ${name}.`,
  };
}

function ledgerInPlace(name: string, at: string): Problem {
  return {
    code: "LEDGER_IN_PLACE",
    what: `${name} keeps the ledger and the epoch: two revisions would keep two ledgers that contradict each other.`,
    at,
    got: 'kind: "blue-green"',
    expected: '"sequential", which loads it in place',
    remedy: `Declare strategy: { kind: "sequential" } for ${name}.`,
  };
}

function cronInPlace(name: string, at: string): Problem {
  return {
    code: "CRON_IN_PLACE",
    what: `${name} has a cron: while two revisions run, both would tick, and the work of every tick would be done twice.`,
    at,
    got: 'kind: "blue-green" with the tag Cron-Interval',
    expected: '"sequential", which loads it in place',
    remedy: `Declare strategy: { kind: "sequential" } for ${name}, or move the cron to its own member.`,
  };
}

function rollingOfOne(name: string, at: string): Problem {
  return {
    code: "ROLLING_OF_ONE",
    what: `A rolling strategy deploys a fleet in batches, and ${name} alone cannot be split into batches.`,
    at: `${at}.kind`,
    got: "rolling",
    expected: "rolling as the fleet's strategy",
    remedy: `Declare it for the fleet, or "sequential" for ${name}.`,
  };
}

/** Strategies that differ: one message switches all services of a release, so all of them must move in the same way. */
function differingStrategies(
  fleet: FleetDeclaration,
  named: readonly (readonly [string, Strategy])[],
): Problem[] {
  const [first, ...others] =
    fleet.strategy?.kind === "blue-green" ? [["the fleet", fleet.strategy] as const, ...named] : named;
  if (!first) return [];
  const text = JSON.stringify(first[1]);
  return others
    .filter(([, own]) => JSON.stringify(own) !== text)
    .map(([name, own]) => ({
      code: "STRATEGY_DIFFERS",
      what: `${name} would move its traffic differently than ${first[0]}, but one table moves the traffic of both.`,
      at: `processes.${name}.strategy`,
      got: own.trafficStrategy ?? "its own steps",
      expected: `the same strategy as ${first[0]}`,
      remedy:
        'Declare it once, for the fleet. For a member that is loaded in place, declare strategy: { kind: "sequential" }.',
    }));
}

/** Testers of members that cannot have any: only a stateless member with a second process can. */
function unusableTesters(
  members: readonly (readonly [string, ProcessDeclaration])[],
  fleet: FleetDeclaration,
): Problem[] {
  return members.flatMap(([name, { testers, state }]): Problem[] => {
    if (testers === undefined) return [];
    const policy = policyOf(state);
    if (getsNewProcess(fleet, name) && policy !== "none")
      return [
        {
          code: "TESTERS_NEED_NO_STATE",
          what: `Testers would write to the new revision of ${name} before it has its state, and their changes would be lost.`,
          at: `processes.${name}.testers`,
          got: `state: "${policy}"`,
          expected: 'state: "none"',
          remedy: 'Remove testers, or declare state: "none" if it keeps nothing between messages.',
        },
      ];
    return getsNewProcess(fleet, name)
      ? []
      : [
          {
            code: "TRAFFIC_NEEDS_BLUE_GREEN",
            what: `${name} is loaded in place, so it has no second revision for testers.`,
            at: `processes.${name}.testers`,
            got: "testers",
            expected: 'a strategy of kind "blue-green"',
            remedy: "Use that strategy, or remove testers.",
          },
        ];
  });
}

/**
 * The strategy for a rollback to an earlier release: its revisions are warm and were proved before, so all traffic switches at once as soon
 * as they are healthy. Pure.
 */
export function rollbackStrategy({
  healthCheckTimeout,
  windowSeconds,
  rollbackOnFailure,
  onFailure,
}: Strategy): Strategy {
  return StrategySchema.parse({
    kind: "blue-green",
    trafficStrategy: "INSTANT",
    intervalSeconds: 0,
    checks: [{ kind: "health" }],
    healthCheckTimeout,
    windowSeconds,
    rollbackOnFailure,
    onFailure,
  });
}
