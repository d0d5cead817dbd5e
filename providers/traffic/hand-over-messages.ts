/** Messages about a hand-over: what it carried, how that was verified, and why it failed. Pure. */
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { type KeyRange, percent } from "../../src/delivery/index.ts";
import {
  contentsOf,
  contentsText,
  EMPTY_TEXT,
  type Exported,
  isEmpty,
  notExportedText,
} from "../../src/fleet/snapshot/contents.ts";
import type { Revision, Standing } from "./admission.ts";
import type { StateMove } from "./state-moves.ts";

/** What was carried, between which processes, and how it was verified. Pure. */
export function carriedText(
  { from, to, keys }: StateMove,
  { state, digest, slot, globals, code }: Exported,
): string {
  const move = `${from.slice(0, 8)} → ${to.slice(0, 8)}`;
  const at = slot === undefined || slot === null ? "" : ` at slot ${slot}`;
  const contents = contentsOf(state);
  const left = globals?.left ?? [];
  const undeclared =
    left.length === 0 ? "" : `, left behind because they are not declared: ${left.join(", ")}`;
  const unknown = globals?.unknown ?? [];
  const mixed =
    unknown.length === 0
      ? ""
      : `, carried although messages may not have changed them: ${unknown.join(", ")}`;
  const skipped = undeclared + mixed + notExportedText(keys ? undefined : code);
  if (isEmpty(contents)) {
    const why = keys ? "these callers have no state" : EMPTY_TEXT;
    return `carried nothing${at}: ${move}, ${why}${skipped}`;
  }
  return `${digest.slice(0, 8)}${at}: ${move}, ${contentsText(contents)}, ${canonicalJson(state).length} bytes, equal by digest${skipped}`;
}

/** It is transient: the replies that it waits for may come. */
export function callsOpen(name: string, seconds: number): FleetError {
  return new FleetError(
    {
      code: "CALLS_OPEN",
      what: `${name} still waits for replies from other processes after ${seconds} s.`,
      got: "open calls, or handlers in Receive",
      expected: "none, so that its state no longer changes",
      remedy: `Check npx fleet logs ${name} and run pulumi up again; or declare strategy: { kind: "sequential" }, which loads it in place.`,
    },
    { transient: true },
  );
}

export function globalsNotCarried(name: string, processId: string, globals: readonly string[]): FleetError {
  return new FleetError({
    code: "STATE_NOT_KNOWN",
    what: `${name} has globals that its library cannot carry: ${processId.slice(0, 8)} runs an earlier version, which exports registered tables only.`,
    got: globals.join(", "),
    expected: "a running process with this version of the fleet's library",
    remedy: `Declare strategy: { kind: "sequential" } for ${name} and run pulumi up once: its code is then loaded in place, which keeps the globals that it does not assign. Or declare state: "none" if that state is not needed.`,
  });
}

export function notPartitioned(name: string): FleetError {
  return new FleetError({
    code: "NOT_BY_KEY",
    what: `${name} is declared with state: "partitioned", but its program does not partition state by its callers' keys.`,
    got: "no state with partition = true",
    expected: 'fleet.state("<name>", {}, { partition = true }), with the traffic keys as its keys',
    remedy: `Register the state like this in ${name}'s program, or declare state: "owned" and INSTANT.`,
  });
}

/** The message when a rollout continues without the state of a ruined process. Pure. */
export const lostText = (name: string, processId: string): string =>
  `${processId.slice(0, 8)} is ruined and cannot hand over its state: the new revision starts without it; if there is a backup: npx fleet restore ${name}`;

/** The error when the revision with the traffic, and so the state, can never evaluate a message again. */
export function servingRuined(name: string, processId: string, cause: FleetError): FleetError {
  const { got } = cause.problems[0];
  return new FleetError(
    {
      code: "SERVING_RUINED",
      what: `${name} is ruined: its revision ${processId}, which has the traffic, can never evaluate a message again, so its state cannot be handed over.`,
      ...(got === undefined ? {} : { got }),
      expected: "a revision that can export its state",
      at: `processes.${name}`,
      remedy: `Its state is lost unless a backup has it. To move the traffic to the new revision without it: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up), then npx fleet restore ${name} if there is a backup. The ledger keeps the old id as RUINED.`,
    },
    { cause },
  );
}

/** Codes of errors that already say what is at stake and what to do, or that end this run whatever the state is. */
const SAYS_ALL: readonly string[] = [
  "STATE_NOT_KNOWN",
  "STATE_NOT_COMPARED",
  "STATE_IN_CODE",
  "SERVING_RUINED",
  "STALE_EPOCH",
  "DEPLOYMENT_IN_PROGRESS",
];

/** What was read back about old revisions, and what to do about those that do not serve. Pure. */
function standingText(list: readonly Standing[]): string {
  return list
    .map(({ name, processId, state }) => {
      const who = `${name}@${processId.slice(0, 8)}`;
      if (state === "serves") return `${who} keeps serving.`;
      if (state === "lost") return `${who} is ruined.`;
      const next =
        "Run pulumi up (or npx fleet deploy) again: it asks the router which revision serves, and resumes it.";
      return state === "refuses"
        ? `${who} refuses requests (DRAINING). ${next}`
        : `${who} did not answer, so it may refuse requests (DRAINING). ${next}`;
    })
    .join(" ");
}

/** The same error, whose remedy starts with what was read back about the old revisions. */
export function withStanding(error: FleetError, list: readonly Standing[]): FleetError {
  const [first, ...rest] = error.problems;
  const remedy = [standingText(list), first.remedy].filter((text) => text !== "").join(" ");
  const { transient, isLocal } = error;
  return new FleetError([{ ...first, remedy }, ...rest], { transient, isLocal, cause: error });
}

export function handOverFailed(name: string, error: FleetError, standings: readonly Standing[]): FleetError {
  if (SAYS_ALL.includes(error.code)) return withStanding(error, standings);
  const { what, got, remedy } = error.problems[0];
  return withStanding(
    new FleetError(
      {
        code: "HANDOVER_FAILED",
        what: `${name} could not hand over its state: ${what}`,
        ...(got === undefined ? {} : { got }),
        expected: "the same state, by its digest, on both sides",
        remedy,
      },
      { transient: error.transient, cause: error },
    ),
    standings,
  );
}

/**
 * The error if the answer to the message that switches traffic was lost, and the router did not show its effect either.
 *
 * @param standings what the old revisions answered before that message
 */
export function switchUnknown(
  list: readonly StateMove[],
  standings: readonly Standing[],
  error: unknown,
): FleetError {
  const cause = error instanceof FleetError ? error : undefined;
  const refusing = standings.filter(({ state }) => state === "refuses");
  const who = [...new Set(refusing.map(({ name, processId }) => `${name}@${processId.slice(0, 8)}`))];
  const stands =
    who.length === 0
      ? ""
      : `${who.map((one) => `${one} refuses requests (DRAINING)`).join(", ")} until that is known, so that no change of its state is lost. `;
  return new FleetError(
    {
      code: "SWITCH_UNKNOWN",
      what: `It is not known whether the router moved the traffic of ${[...new Set(list.map(({ name }) => name))].join(", ")}: it did not answer, and the message may still arrive.`,
      got: cause ? cause.problems[0].what : String(error),
      expected: "the router's answer to SET_TRAFFIC",
      remedy: `${stands}Run pulumi up (or npx fleet deploy) again when the network answers: it asks the router which revision serves, resumes that one and continues.`,
    },
    { transient: true, cause: error },
  );
}

/** The error if the traffic moved and the revision that got it was not resumed. */
export function notResumed({ name, processId }: Revision, error: FleetError): FleetError {
  return new FleetError(
    {
      code: "NOT_RESUMED",
      what: `${name} has its traffic and its state on ${processId.slice(0, 8)}, which could not be resumed: ${error.problems[0].what}`,
      expected: "a revision that accepts requests",
      remedy: `${name}@${processId.slice(0, 8)} may refuse requests (DRAINING) until pulumi up (or npx fleet deploy) runs again and resumes it.`,
    },
    { transient: error.transient, cause: error },
  );
}

/** The report when an old revision accepted requests although its successor did too. Pure. */
export const acceptedBothText = ({ from, to }: StateMove): string =>
  `${from.slice(0, 8)} accepted requests after its state was handed over to ${to.slice(0, 8)}, and refuses them from now on: what it changed since then is not in ${to.slice(0, 8)}`;

/** The report when an old revision accepted requests of callers whom the router sends to its successor. Pure. */
export const acceptedKeysText = ({ from, to }: StateMove, keys: KeyRange): string =>
  `${from.slice(0, 8)} accepted requests of ${percent(keys.to - keys.from)} of callers, which the router sends to ${to.slice(0, 8)}; it refuses them from now on. Its state of these callers was not read: ${to.slice(0, 8)} keeps its own`;

/** The report when an old revision does not say whether it refuses requests. Pure. */
export const unconfirmedText = ({ from, to }: StateMove, error: FleetError): string =>
  `${from.slice(0, 8)} did not answer, so it is not known whether it refuses requests: ${error.problems[0].what} [${error.code}] The router sends them to ${to.slice(0, 8)}`;
