import { describeLost } from "./lost-messages.ts";
import type { MemberPlan } from "./member-plan.ts";

/** One line for each member that changes. */
export function memberPlanLines(plans: readonly MemberPlan[]): string[] {
  const shown = plans.filter(({ kind }) => kind !== "same");
  const width = Math.max(8, ...shown.map(({ name }) => name.length));
  const line = ({ name }: MemberPlan, text: string) => `  ${name.padEnd(width)}  ${text}`;
  return shown.flatMap((plan) => [
    line(plan, lineOf(plan)),
    ...(plan.unread ?? []).map((what) => line(plan, `may be a later state, and cannot be read: ${what}`)),
  ]);
}

/** What becomes of the state under code without the library: aos keeps globals that the code does not assign, and nothing else is done. */
const PLAIN_IN_PLACE =
  "without the library, nothing saves or restores its state: aos keeps the globals that this code does not assign";
const PLAIN_NEXT = "without the library, no state is carried: it starts without any";

function lineOf({ kind, from, to, warm, carries, plain, snapshot, snapshotFrom, lost }: MemberPlan): string {
  const after = `${to?.version} ${to?.sourceHash.slice(0, 8)}`;
  const code = `${from ? `${from.version} ${from.sourceHash.slice(0, 8)}` : "?"} → ${after}`;
  const missed = lost && lost.messages > 0 ? `; ${describeLost(lost)} lost` : "";
  const isEmpty = snapshot?.states?.length === 0 && snapshot.globals?.length === 0;
  const home = snapshotFrom === undefined ? "" : ` from ${snapshotFrom}`;
  const taken = snapshot
    ? `${isEmpty ? "empty " : ""}state of ${snapshot.takenAt} (${snapshot.digest.slice(0, 8)})${home}`
    : undefined;
  const handOver = carries === true && !lost ? ", present state handed over" : "";
  switch (kind) {
    case "left-running":
      return "added after that release: left running, not wired";
    case "warm":
      return `warm revision ${warm?.slice(0, 8)} reactivated, ${code}${handOver}${missed}`;
    case "next":
      return `new process next to the one that serves, ${code}${plain ? `; ${PLAIN_NEXT}` : handOver}`;
    case "settings":
      return "same code; settings and peers of the release";
    case "new":
      return `new process ${taken ? `with imported ${taken}` : "without state"}, ${after}: it no longer runs${missed}`;
    case "in-place":
      return `Eval of the stored bundle in place, ${code}${plain ? `; ${PLAIN_IN_PLACE}` : ", state kept"}`;
    default:
      return `Eval of the stored bundle in place, ${code}, with its ${taken ?? "earlier state"}${missed}`;
  }
}
