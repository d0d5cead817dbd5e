import { otherCodeText } from "../../fleet/health/code-drift.ts";
import type { Member } from "../../fleet/members/member.ts";
import { replaceRemedy, stuckRemedy } from "../../fleet/members/ruined.ts";
import { describeLastKnown, type LastKnown } from "./last-known.ts";
import type { StatusRow } from "./status-row.ts";
import { classifyFailedRead } from "./unanswered.ts";

/** Drift as text: the process runs other code than the last run loaded. Empty if it does not. */
export function codeDrift({ sourceHash }: Pick<Member, "sourceHash">, runs: string): string[] {
  if (sourceHash === "" || sourceHash === runs) return [];
  return [otherCodeText(runs, sourceHash)];
}

/**
 * Why a process may refuse requests without a fault: a rollout under way gives its requests to another revision as well, or a deployment that
 * runs hands its state over. Undefined if it is expected to serve. Pure.
 *
 * @param sharing further processes that have part of a member's traffic
 */
export function refusalReason(
  { name, of }: Pick<Member, "name" | "of">,
  sharing: readonly Pick<Member, "of">[],
  deploying: boolean,
): string | undefined {
  if (sharing.some((one) => one.of === (of ?? name))) return "another revision has traffic, too";
  return deploying ? "a deployment is under way" : undefined;
}

/**
 * The row of a process that does not answer. Bugs are thrown.
 *
 * @param last its last known answer
 */
export function unansweredRow(
  base: Pick<StatusRow, "name" | "processId" | "generation" | "of">,
  error: unknown,
  last?: LastKnown,
  now = Date.now(),
): StatusRow {
  const { state, code, what } = classifyFailedRead(error);
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
      `${state === "UNKNOWN" ? "unknown: " : ""}${what} [${code}]${known ? `; ${describeLastKnown(known, now)}` : ""}`,
      ...(code === "PROCESS_RUINED" ? [replaceRemedy(base.of ?? base.name)] : []),
      ...(code === "PROCESS_STUCK" ? [stuckRemedy(base.of ?? base.name)] : []),
    ],
  };
}
