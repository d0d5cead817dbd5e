import { short } from "../../fleet/health/probe.ts";
import type { Member } from "../../fleet/members/member.ts";
import { wayOn } from "../../fleet/members/ruined.ts";
import { type LastKnown, lastWords } from "./last-known.ts";
import type { StatusRow } from "./status-row.ts";
import { unansweredBy } from "./unanswered.ts";

/** In words, when a process runs other code than the last run left it with. */
export function drift({ sourceHash }: Pick<Member, "sourceHash">, runs: string): string[] {
  if (sourceHash === "" || sourceHash === runs) return [];
  return [`it runs code ${short(runs)} instead of ${short(sourceHash)}`];
}

/**
 * A process that does not answer is a row, not the end of the command. A bug is the end.
 *
 * @param last what it said when it was last heard
 */
export function unanswered(
  base: Pick<StatusRow, "name" | "processId" | "generation" | "of">,
  error: unknown,
  last?: LastKnown,
  now = Date.now(),
): StatusRow {
  const { state, code, what } = unansweredBy(error);
  const known = state === "UNKNOWN" ? last : undefined;
  return {
    ...base,
    health: state,
    code,
    ...(known ? { lastKnown: { health: known.health, at: new Date(known.at).toISOString() } } : {}),
    version: known?.version ?? "",
    sourceHash: known?.sourceHash ?? "",
    epoch: known?.epoch ?? null,
    release: known?.release ?? "",
    responseMs: null,
    reasons: [
      `${state === "UNKNOWN" ? "unknown: " : ""}${what} [${code}]${known ? `; ${lastWords(known, now)}` : ""}`,
      ...(code === "PROCESS_RUINED" ? [wayOn(base.of ?? base.name)] : []),
    ],
  };
}
