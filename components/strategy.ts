import type { Problem } from "../src/core/errors.ts";
import { strategyProblems } from "../src/delivery/combinations.ts";
import { type Strategy, StrategySchema } from "../src/delivery/strategy.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { policyOf } from "./known-state.ts";

/** What the members' strategies come to, for the fleet as a whole. */
export interface Rollout {
  /** Members whose new code gets a process of its own beside the old one. */
  readonly beside: ReadonlySet<string>;
  /** Member that carries the router. */
  readonly router?: string;
  /** How the traffic of those beside moves: one table and one strategy for all of them. */
  readonly traffic?: Strategy;
  /** Members that must be through before a member begins, besides those that it depends on. */
  readonly after: ReadonlyMap<string, readonly string[]>;
  /** Seconds that each must stay healthy before a later batch begins. */
  readonly minHealthySeconds?: number;
}

/** Carries the router where no other member is named. */
export const ROUTER = "coordinator";

/** The member that carries the router. Pure. */
export const routerOf = ({ router, processes }: FleetDeclaration): string | undefined =>
  router ?? (processes[ROUTER] === undefined ? undefined : ROUTER);

/** Whether a member's process gets ticks from the network's clock. */
const hasCron = (member: ProcessDeclaration | undefined): boolean =>
  member?.tags["Cron-Interval"] !== undefined;

/**
 * Whether a member's new code comes into a process beside the old one. What the fleet declares as a whole does not count for the
 * router and the ledger, which everything hangs on, not for members with crons, which would tick twice, and not for members without
 * the library, which can neither be drained nor prove themselves: they are loaded in place. Pure.
 */
export function isBeside(fleet: FleetDeclaration, name: string): boolean {
  const own = fleet.processes[name]?.strategy;
  if (own !== undefined) return own.kind === "blue-green";
  const isFixed =
    name === routerOf(fleet) ||
    name === fleet.ledger ||
    hasCron(fleet.processes[name]) ||
    fleet.processes[name]?.lib === false;
  return fleet.strategy?.kind === "blue-green" && !isFixed;
}

/** What each member waits for, and which of them move traffic; `order` is the one in which they are made. Pure. */
export function rolloutOf(fleet: FleetDeclaration, order: readonly string[]): Rollout {
  const { strategy } = fleet;
  const beside = new Set(order.filter((name) => isBeside(fleet, name)));
  const [first] = beside;
  const router = routerOf(fleet);
  const traffic = first === undefined ? undefined : strategyOf(fleet, first);
  const batches = batchesOf(order, strategy);
  const after = new Map(
    batches.flatMap((batch, index) => batch.map((name) => [name, batches[index - 1] ?? []] as const)),
  );
  const { minHealthySeconds } = strategy ?? {};
  return {
    beside,
    after,
    ...(router === undefined ? {} : { router }),
    ...(traffic === undefined ? {} : { traffic }),
    ...(minHealthySeconds === undefined ? {} : { minHealthySeconds }),
  };
}

/** One at a time, or so many at a time; everything else is one batch, in which the dependencies alone make an order. */
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

/** The strategy of a member: its own, else the fleet's. Pure. */
export const strategyOf = (fleet: FleetDeclaration, name: string): Strategy | undefined =>
  fleet.processes[name]?.strategy ?? fleet.strategy;

/** Every combination of strategies and members that cannot work, all at once. Pure. */
export function rolloutProblems(fleet: FleetDeclaration): Problem[] {
  const { processes, strategy, ledger } = fleet;
  const router = routerOf(fleet);
  const members = Object.entries(processes);
  const named = members.flatMap(([name, { strategy: own }]) =>
    own?.kind === "blue-green" ? [[name, own] as const] : [],
  );
  const inherited = members.filter(([name, { strategy: own }]) => own === undefined && isBeside(fleet, name));
  const problems: Problem[] = [];
  if (fleet.router !== undefined && processes[fleet.router] === undefined)
    problems.push({
      code: "UNKNOWN_ROUTER",
      what: `"${fleet.router}" is to carry the router but is not in the fleet.`,
      at: "router",
      got: fleet.router,
      expected: `one of ${Object.keys(processes).join(", ")}`,
      remedy: "Declare it or mend the name.",
    });
  if (router === undefined && named.length + inherited.length > 0)
    problems.push({
      code: "NO_ROUTER",
      what: "Nothing in this fleet carries a router, so no traffic could move from the old revisions to the new ones.",
      at: "router",
      got: "no router",
      expected: `a member named "${ROUTER}", or another one that has the router's capability`,
      remedy:
        'Declare router: "<member>" for a member whose program ends in require("fleet.carry").serve(), or take a strategy that loads code in place.',
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
    ([name, { lib, state }]) => isBeside(fleet, name) && !lib && policyOf(state) === "none",
  );
  problems.push(...unprovable.map(([name]) => withoutProof(name)));
  return [...problems, ...differing(fleet, named), ...idleFields(members, fleet)];
}

function withoutProof(name: string): Problem {
  return {
    code: "NO_LIBRARY_NO_PROOF",
    what: `${name} is to get traffic from the router, but without the fleet's library (lib: false) nothing in it answers the router's health check.`,
    at: `processes.${name}.lib`,
    got: "lib: false beside a new process",
    expected: "a program that answers HEALTH_CHECK, which the library does, or code that is loaded in place",
    remedy: `Leave lib: false out, or declare strategy: { kind: "sequential" } for ${name}.`,
  };
}

function ledgerInPlace(name: string, at: string): Problem {
  return {
    code: "LEDGER_IN_PLACE",
    what: `${name} keeps the ledger and the epoch: two of them would be two truths.`,
    at,
    got: 'kind: "blue-green"',
    expected: '"sequential", which loads it in place',
    remedy: `Declare strategy: { kind: "sequential" } for ${name}.`,
  };
}

function cronInPlace(name: string, at: string): Problem {
  return {
    code: "CRON_IN_PLACE",
    what: `${name} has a cron: while two revisions live, each would tick, and what a tick does would be done twice.`,
    at,
    got: 'kind: "blue-green" beside the tag Cron-Interval',
    expected: '"sequential", which loads it in place',
    remedy: `Declare strategy: { kind: "sequential" } for ${name}, or give the cron to a member of its own.`,
  };
}

function rollingOfOne(name: string, at: string): Problem {
  return {
    code: "ROLLING_OF_ONE",
    what: `A rolling strategy goes over a fleet in batches; ${name} alone is none.`,
    at: `${at}.kind`,
    got: "rolling",
    expected: "rolling as the fleet's strategy",
    remedy: `Declare it for the fleet, or "sequential" for ${name}.`,
  };
}

/** One message switches all services of a release, so all of them move in the same way. */
function differing(fleet: FleetDeclaration, named: readonly (readonly [string, Strategy])[]): Problem[] {
  const [first, ...others] =
    fleet.strategy?.kind === "blue-green" ? [["the fleet", fleet.strategy] as const, ...named] : named;
  if (!first) return [];
  const text = JSON.stringify(first[1]);
  return others
    .filter(([, own]) => JSON.stringify(own) !== text)
    .map(([name, own]) => ({
      code: "STRATEGY_DIFFERS",
      what: `${name} would move its traffic in another way than ${first[0]}, but one table moves all of them.`,
      at: `processes.${name}.strategy`,
      got: own.trafficStrategy ?? "its own steps",
      expected: `the same as of ${first[0]}`,
      remedy: "Declare it once, for the fleet; a member that is to be loaded in place says so.",
    }));
}

/** What only has a meaning for a member that gets a process beside the old one. */
function idleFields(
  members: readonly (readonly [string, ProcessDeclaration])[],
  fleet: FleetDeclaration,
): Problem[] {
  return members.flatMap(([name, { testers, state }]): Problem[] => {
    if (testers === undefined) return [];
    const policy = policyOf(state);
    if (isBeside(fleet, name) && policy !== "none")
      return [
        {
          code: "TESTERS_NEED_NO_STATE",
          what: `Testers would write to the new revision of ${name} before it has its state: what they did would be lost.`,
          at: `processes.${name}.testers`,
          got: `state: "${policy}"`,
          expected: 'state: "none"',
          remedy: 'Drop testers, or declare state: "none" if it keeps nothing between messages.',
        },
      ];
    return isBeside(fleet, name)
      ? []
      : [
          {
            code: "TRAFFIC_NEEDS_BLUE_GREEN",
            what: `${name} is loaded in place: there is no second revision that testers could be sent to.`,
            at: `processes.${name}.testers`,
            got: "testers",
            expected: 'a strategy of kind "blue-green"',
            remedy: "Take that strategy, or drop testers.",
          },
        ];
  });
}

/**
 * How a strategy goes back to an earlier release: to what is warm and was proved before, so all at once, as soon as it is healthy. Pure.
 */
export function backwards({
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
