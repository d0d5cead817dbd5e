/** How a rollout starts or continues from a router's state, and the messages for it. Pure. */
import {
  ALL_TRAFFIC_BP,
  holdFields,
  holdOf,
  isSameTable,
  type OpenRevert,
  openRevert,
  type Position,
  percent,
  type Step,
} from "../../src/delivery/index.ts";
import type { SetTraffic, Table, TrafficCommand, TrafficState } from "../../src/delivery/wire.ts";
import { finalOf, hasSameShares, messageOf, remainingSteps, servicesAt, type Wanted } from "./plan.ts";
import { tableChanged, type WaitReason } from "./rollout-errors.ts";
import { type StateMove, stateMoves } from "./state-moves.ts";

export const stepName = (steps: readonly Step[], step: number): string =>
  `step ${step + 1} of ${steps.length}, ${percent(steps[step]?.weightBp ?? 0)}${steps[step]?.mirror ? " and copies" : ""}`;

/** The message that sets a table again. */
const tableMessage = ({ release, step, salt, services }: Table): SetTraffic => ({
  release,
  step,
  salt,
  services,
});

/** The compare-and-set condition: the router's table is still the one in this state. */
export const expectSameTable = ({ table, serial }: TrafficState): Pick<SetTraffic, "expect"> =>
  table ? { expect: { release: table.release, step: table.step, serial } } : {};

/** The message that sets a table again, if the router's table is still the one in this state. */
export const setAgain = (table: Table, state: TrafficState): SetTraffic => ({
  ...tableMessage(table),
  ...expectSameTable(state),
});

/** The message that gives green its share at a step. Its lease ends in the proven table or, if state is handed over, holds the table. */
export function stepMessage(
  wanted: Wanted,
  at: Position,
  step: Step,
  state: TrafficState,
  proven: Table,
  slackMs: number,
): SetTraffic {
  const message = messageOf(wanted, at.step + 1, servicesAt(wanted, step));
  const { leaseSeconds } = wanted.strategy;
  const slack = leaseSeconds === undefined ? slackMs : leaseSeconds * 1000;
  const forMs = Math.max(1000, Math.round(step.intervalSeconds * 1000 + slack));
  const isHanded = stateMoves(wanted.services, proven, message).length > 0;
  const lease = { forMs, revertTo: proven.release, ...(isHanded ? { onEnd: "hold" as const } : {}) };
  return { ...message, ...expectSameTable(state), lease };
}

/**
 * A person's command about the current table. Of a table whose state cannot go back, a promotion from before that was known does not count. An
 * abort also counts after the state could not go back: a router forgets the command when a run holds the aborted table again, and keeps only
 * that it reverted it.
 */
export function commandOf({ table, command, reverted, proven }: TrafficState): TrafficCommand | undefined {
  const isStranded = holdOf(table)?.code === "stranded";
  const isCurrent = command !== undefined && table !== undefined && isSameTable(table, command);
  const isOld = isCurrent && isStranded && command.at < table.at;
  if (isCurrent && !(isOld && (command.command === "promote" || command.command === "resume")))
    return command.command;
  // A steady table since then ended the rollout that was aborted.
  const isOfThis = isSameTable(table, reverted) && (reverted?.at ?? 0) >= (proven?.at ?? 0);
  return isStranded && isOfThis && reverted?.why === "abort" && reverted.returned !== true
    ? "abort"
    : undefined;
}

/** Whether a person aborted the rollout of a table that is held because its state cannot go back. */
export const isAborted = (state: TrafficState): boolean =>
  state.table?.mode === "held" && commandOf(state) === "abort";

/** Whether a rollout of another release is in progress. */
export const isForeign = ({ table }: TrafficState, { release }: Wanted): boolean =>
  table !== undefined && table.mode !== "steady" && table.release !== release;

export const isSteadyAt = (table: Table | undefined, wanted: Wanted): boolean =>
  table?.mode === "steady" && table.release === wanted.release && hasSameShares(table, finalOf(wanted));

/**
 * Whether a table of this release's earlier run is in force, also one whose message arrived late or whose lease expired, or was until its lease
 * expired.
 */
function isEarlierRuns(state: TrafficState, { release }: Wanted): boolean {
  const { table, reverted } = state;
  if (table?.mode !== "steady") return table?.release === release;
  return reverted?.release === release && reverted.why === "lease";
}

/**
 * Why the router refused a message with `STALE_STEP`: it had reverted this rollout. Undefined if the run can start from the table in force: a
 * person aborted the rollout, and the router keeps it until a run returns it, or a message or the lease of an earlier run changed the table
 * before this one's first message.
 *
 * @param hasSet whether the run set a table before
 */
export function whyStale(error: unknown, state: TrafficState, wanted: Wanted, hasSet: boolean): unknown {
  if (isAborted(state) && !isForeign(state, wanted)) return undefined;
  if (!hasSet && isEarlierRuns(state, wanted)) return undefined;
  const reverted = openRevert(state)?.reverted;
  return reverted?.release === wanted.release ? tableChanged(state, reverted) : error;
}

/** The moves of state for a new revision, of any release, that lost its traffic when the router reverted it. */
export function movesAfterRevert(state: TrafficState, wanted: Wanted): StateMove[] {
  const open = openRevert(state);
  if (open === undefined) return [];
  const before = revertedTable(open, wanted);
  return before === undefined ? [] : stateMoves(wanted.services, before, open.table);
}

/**
 * The table that the router reverted. One of an earlier version does not record its routes: then it is that of the step, and undefined for
 * another release.
 */
function revertedTable({ table, reverted }: OpenRevert, wanted: Wanted): SetTraffic | undefined {
  const { services, salt = table.salt, release, step: number } = reverted;
  if (services) return { release, step: number, salt, services };
  const step = remainingSteps(wanted, table)[number - 1];
  if (release !== wanted.release) return undefined;
  return messageOf(wanted, number, step ? servicesAt(wanted, step) : finalOf(wanted));
}

/**
 * The message that holds the reverted table again, because old revisions refuse requests and cannot take the state back.
 *
 * @param stranded services whose state is still with the new revision; the others' traffic stays where their state is
 */
export function strandedMessage(
  state: TrafficState,
  wanted: Wanted,
  stranded: readonly string[],
  why: string,
): SetTraffic | undefined {
  const open = openRevert(state);
  const before = open && revertedTable(open, wanted);
  if (before === undefined || stranded.length === 0) return undefined;
  const isBack = (name: string) =>
    !stranded.includes(name) && movesAfterRevert(state, wanted).some((move) => move.name === name);
  const services = Object.entries(before.services).flatMap(([name, service]) => {
    const routes = isBack(name) ? open?.table.services[name] : service;
    return routes === undefined ? [] : [[name, routes] as const];
  });
  const hold = holdFields(state, "stranded", strandedText(why));
  return { ...before, services: Object.fromEntries(services), ...expectSameTable(state), ...hold };
}

/**
 * The steady table of an unfinished rollout of another release whose state cannot return to the proven table: services whose state would have to
 * return go to the revision that has it, the others where they were. Undefined if this release returns to a revision that cannot take
 * the state: then it stays with the rollout until a person decides.
 */
export function forwardMessage(state: TrafficState, { services }: Wanted): SetTraffic | undefined {
  const { table, proven } = state;
  if (!table || !proven) return undefined;
  const back = stateMoves(services, table, proven);
  if (back.some(({ name, to }) => services[name]?.green.processId === to)) return undefined;
  const whole = back.flatMap(({ name, from }) => {
    const { testers: _, mirror: __, ...service } = table.services[name] ?? { key: "sender", routes: [] };
    const routes = service.routes.filter(({ processId }) => processId === from);
    return [[name, { ...service, routes: routes.map((route) => ({ ...route, weightBp: ALL_TRAFFIC_BP })) }]];
  });
  return {
    ...{ release: table.release, step: table.step + 1, salt: table.salt },
    services: { ...table.services, ...proven.services, ...Object.fromEntries(whole) },
    ...expectSameTable(state),
  };
}

/** Process → code hash of the processes that have more of a service by a message than by the table in force and by the proven one. */
export const raisedIn = ({ services }: SetTraffic, { table, proven }: TrafficState): Record<string, string> =>
  Object.fromEntries(
    Object.entries(services).flatMap(([name, { routes }]) => {
      const had = [table, proven].flatMap((one) => one?.services[name]?.routes ?? []);
      const most = (id: string) =>
        Math.max(0, ...had.filter(({ processId }) => processId === id).map(({ weightBp }) => weightBp));
      const raised = routes.filter(({ processId, weightBp }) => weightBp > most(processId));
      return raised.map(({ processId, revision }) => [processId, revision]);
    }),
  );

/** How failures of the step are handled at which a run starts: a person who promotes a table that cannot go back overrules a failed check. */
export const policyOf = (start: TrafficState, { strategy }: Wanted): Wanted["strategy"] =>
  holdOf(start.table)?.code === "stranded" && commandOf(start) === "promote"
    ? { ...strategy, onFailure: "hold" }
    : strategy;

/** A router of version 0.1.0 stores this sentence without a code, and `holdOf` reads it from there. */
export const strandedText = (why: string): string => `the state cannot go back; ${why}`;

/** The moves of state that an unfinished rollout, of any release, has carried out. */
export const movesSinceProven = (
  services: Wanted["services"],
  { table, proven }: Pick<TrafficState, "table" | "proven">,
): StateMove[] => (table === undefined || table.mode === "steady" ? [] : stateMoves(services, proven, table));

/** The current step, if the router's table belongs to this release and these steps. */
export function resumeAt(
  { table }: TrafficState,
  wanted: Wanted,
  steps: readonly Step[],
): Position | undefined {
  if (!table || table.mode === "steady" || table.release !== wanted.release) return undefined;
  const step = steps[table.step - 1];
  if (!step || !hasSameShares(table, servicesAt(wanted, step))) return undefined;
  return { step: table.step - 1, inconclusive: 0, errors: 0 };
}

/** Why a held step still waits; undefined if a person's command lets it continue. */
export function waitReason(
  state: TrafficState,
  steps: readonly Step[],
  at: Position,
  { strategy }: Pick<Wanted, "strategy">,
): WaitReason | undefined {
  const held = holdOf(state.table);
  if (held === undefined) return undefined;
  const command = commandOf(state);
  if (command === "promote" || command === "resume") return undefined;
  if (command === "pause") return "paused";
  if (held.code === "gate") return steps[at.step]?.gate ? "gate" : undefined;
  const isBad = held.code === "failed" || (held.code === "stranded" && command !== "abort");
  const freezes =
    strategy.onFailure === "freeze" || (strategy.onFailure === "rollback" && !strategy.rollbackOnFailure);
  return freezes && isBad ? "failed" : undefined;
}
