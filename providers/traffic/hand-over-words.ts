/** What a hand-over says: what it carried and what that rests on, and why it could not be done. Pure. */
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { contentsOf, contentsWords, type Exported, isEmpty } from "../../src/fleet/snapshot/contents.ts";
import type { Handing } from "./handing.ts";

/** What was carried, from where to where, and what the claim rests on. Pure. */
export function carriedWords(
  { from, to, keys }: Handing,
  { state, digest, slot, globals }: Exported,
): string {
  const way = `${from.slice(0, 8)} → ${to.slice(0, 8)}`;
  const at = slot === undefined || slot === null ? "" : ` at slot ${slot}`;
  const contents = contentsOf(state);
  const left = globals?.left ?? [];
  const behind = left.length === 0 ? "" : `, left behind as declared: ${left.join(", ")}`;
  if (isEmpty(contents)) {
    const why = keys
      ? "these callers have nothing in it"
      : "no table of fleet.state holds anything, and no message changed a global; local variables are not carried";
    return `carried nothing${at}: ${way}, ${why}${behind}`;
  }
  return `${digest.slice(0, 8)}${at}: ${way}, ${contentsWords(contents)}, ${canonicalJson(state).length} bytes, equal by digest${behind}`;
}

export function callsOpen(name: string, seconds: number): FleetError {
  return new FleetError({
    code: "CALLS_OPEN",
    what: `${name} still waits for answers of others after ${seconds} s.`,
    got: "open calls, or handlers in Receive",
    expected: "none, so that its state stands still",
    remedy: `npx fleet logs ${name}; run pulumi up again, or declare strategy: { kind: "sequential" }, which loads it in place.`,
  });
}

export function notSeen(name: string, processId: string, globals: readonly string[]): FleetError {
  return new FleetError({
    code: "STATE_NOT_KNOWN",
    what: `${name} has globals that its library cannot carry: ${processId.slice(0, 8)} runs an earlier one, which sees registered tables alone.`,
    got: globals.join(", "),
    expected: "a running process with this version of the fleet's library",
    remedy: `Declare strategy: { kind: "sequential" } for ${name} and run pulumi up once: its code is loaded in place, where globals stay that it does not assign. Or state: "none", if nothing of that is needed.`,
  });
}

export function notByKey(name: string): FleetError {
  return new FleetError({
    code: "NOT_BY_KEY",
    what: `${name} is declared with state: "partitioned", but keeps no state by its callers' keys.`,
    got: "no state with partition = true",
    expected: 'fleet.state("<name>", {}, { partition = true }) with the traffic\'s keys as its own',
    remedy: `Declare it so in ${name}'s program, or take state: "owned" and INSTANT.`,
  });
}

/** What is said when a rollout goes on without the state of a ruined process. Pure. */
export const lostWords = (name: string, processId: string): string =>
  `${processId.slice(0, 8)} is ruined and cannot hand its state over: the new revision begins without it; if there is a backup: npx fleet restore ${name}`;

/** What has the traffic, and with it the state, never evaluates a message again. */
export function servingRuined(name: string, processId: string, cause: FleetError): FleetError {
  const { got } = cause.problems[0];
  return new FleetError(
    {
      code: "SERVING_RUINED",
      what: `${name} is ruined: its revision ${processId}, which has the traffic, can never evaluate a message again, so its state cannot be handed over.`,
      ...(got === undefined ? {} : { got }),
      expected: "a revision that can export its state",
      at: `processes.${name}`,
      remedy: `Its state is lost unless a backup has it. To give the traffic to the new revision without it: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up), then npx fleet restore ${name} if there is a backup. The ledger keeps the old id as RUINED.`,
    },
    { cause },
  );
}

export function failed(name: string, error: FleetError): FleetError {
  // They say themselves what is at stake and what to do.
  if (error.code === "STATE_NOT_KNOWN" || error.code === "SERVING_RUINED") return error;
  const { what, got, remedy } = error.problems[0];
  return new FleetError(
    {
      code: "HANDOVER_FAILED",
      what: `${name} could not hand its state over: ${what}`,
      ...(got === undefined ? {} : { got }),
      expected: "the same state, by its digest, on both sides",
      remedy: `The revision that served serves on. ${remedy}`,
    },
    { transient: error.transient },
  );
}
