/** Errors of a rollout that does not complete. Pure. */
import { FleetError } from "../../src/core/errors.ts";
import {
  AFTER_APPROVAL,
  holdOf,
  isSameTable,
  type Move,
  tableName,
  weightsText,
} from "../../src/delivery/index.ts";
import type { Table, TableRef, TrafficState } from "../../src/delivery/wire.ts";

/** Why a rollout waits. */
export type WaitReason = Extract<Move, { kind: "hold" }>["why"];

const CODES = {
  gate: "GATE",
  paused: "PAUSED",
  inconclusive: "HELD",
  disputed: "HELD",
  uncompared: "HELD",
  error: "HELD",
  failed: "HELD",
} as const;

/** @param table the router's table that is held */
export function rolloutWaits(why: WaitReason, reason: string, table: Table | undefined): FleetError {
  const order = why === "paused" ? "resume" : "promote";
  // An abort returns the traffic at once unless state is with the new revisions.
  const abort =
    table?.handed || holdOf(table)?.code === "stranded"
      ? "npx fleet abort, then npx fleet deploy --refresh, tries to return state and traffic."
      : "npx fleet abort sends all traffic back.";
  return new FleetError({
    code: CODES[why],
    what: `The rollout waits: ${why === "gate" ? "a gate needs approval" : why === "paused" ? "an operator paused it" : "the checks did not pass"}.`,
    got: `${weightsText(table)}; ${reason}`,
    expected: `fleet ${order}, or fleet abort`,
    remedy: `npx fleet ${order}, then pulumi up ${AFTER_APPROVAL}. ${abort}`,
  });
}

export function targetsUnproven(reasons: readonly string[]): FleetError {
  return new FleetError({
    code: "TARGET_UNPROVEN",
    what: "A new revision did not prove its health to the router: no traffic was switched.",
    got: reasons.join("; "),
    expected: "HEALTHY, with the code of this release",
    remedy: "Check its output with npx fleet logs, fix it and run pulumi up again.",
  });
}

export function rolledBack(reason: string): FleetError {
  return new FleetError({
    code: "ROLLED_BACK",
    what: "The rollout failed and was rolled back: all traffic is where it was.",
    got: reason,
    expected: "every check passes at every step",
    remedy: "Fix the new version and run pulumi up again. The old revisions keep serving.",
  });
}

/** The error if the router's table is not the one that this run set: the router reverted it, or somebody else moves the traffic. */
export function tableChanged({ table, reverted, command }: TrafficState, ours: TableRef): FleetError {
  if (!reverted || !isSameTable(reverted, ours)) return trafficTaken(table ? tableName(table) : "no table");
  return reverted.why === "abort" ? aborted(command) : leaseEnded(reverted);
}

export function aborted(command: TrafficState["command"]): FleetError {
  return new FleetError({
    code: "ROLLOUT_ABORTED",
    what: "An operator aborted the rollout: all traffic is where it was.",
    ...(command === undefined ? {} : { got: `abort by ${command.by}` }),
    remedy: "Run pulumi up to start it again.",
  });
}

function leaseEnded({ step }: TableRef): FleetError {
  return new FleetError({
    code: "LEASE_ENDED",
    what: "The router reverted the rollout: this run did not renew its lease in time. All traffic is where it was.",
    got: `step ${step}`,
    remedy:
      "Run pulumi up to start the rollout again. Raise leaseSeconds of the strategy if the network is slow.",
  });
}

export function trafficTaken(by: string): FleetError {
  return new FleetError({
    code: "TRAFFIC_TAKEN",
    what: "Somebody else changed the router's table during this rollout.",
    got: by,
    expected: "the table that this run set",
    remedy: "Check npx fleet status, then run pulumi up again.",
  });
}

/**
 * The error of a rollout that the router reverted, and whose state did not go back. Another attempt of the same deployment would start the
 * rollout again, so it is not transient, whatever the cause is.
 */
export function notReturned(error: FleetError, cause: FleetError): FleetError {
  const [{ remedy, ...first }, ...rest] = cause.problems;
  const next =
    "An old revision may refuse requests (DRAINING) until its state is back: the next pulumi up (or npx fleet deploy) moves it.";
  return new FleetError([...error.problems, { ...first, remedy: `${next} ${remedy}` }, ...rest], { cause });
}

/** Whether state could not be handed over, and another attempt would not help. */
export const isFinal = (error: unknown): error is FleetError => isNotHanded(error) && !error.transient;

/** Whether state could not be handed over. */
export const isNotHanded = (error: unknown): error is FleetError =>
  error instanceof FleetError && error.code === "HANDOVER_FAILED";

/** Whether state could not be handed over because a process still waits for replies of others. */
export const waitsForReplies = (error: unknown): boolean =>
  error instanceof FleetError && (error.code === "CALLS_OPEN" || waitsForReplies(error.cause));

/** What a person can do about a rollout that is held because its state cannot go back. */
export const STRANDED_WAYS =
  "A release with a fix takes over its state (change the code and run npx fleet deploy); npx fleet promote and a run of the same release keep it; npx fleet abort and such a run try again to return state and traffic.";

/** The same after an abort. */
const ABORTED_WAYS =
  "It was aborted: the next run of this release first tries again to return state and traffic. A release with a fix takes over its state (change the code and run npx fleet deploy); npx fleet promote and a run of this release keep it.";

/**
 * The same error for a rollout that is now held because its state cannot go back, with what a person can do. It is not transient: another
 * attempt of the same deployment would not wait for that person.
 */
export function stranded(error: FleetError, isAborted: boolean): FleetError {
  const [first, ...rest] = error.problems;
  const ways = isAborted ? ABORTED_WAYS : STRANDED_WAYS;
  const remedy = `${first.remedy} The new revision keeps state and traffic until you decide. ${ways}`;
  return new FleetError([{ ...first, remedy }, ...rest], { isLocal: error.isLocal, cause: error });
}

/** Whether a rollout ended because the router had already reverted it. */
export const isReverted = (error: unknown): error is FleetError =>
  error instanceof FleetError && (error.code === "ROLLOUT_ABORTED" || error.code === "LEASE_ENDED");

/** Whether the router refused a message because its table is not the one that the message expects. */
export const isStale = (error: unknown): boolean =>
  error instanceof FleetError && error.code === "STALE_STEP";
