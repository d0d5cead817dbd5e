import { amount } from "../../core/amount.ts";
import { FLEET_ACTIONS } from "../../core/fleet-actions.ts";
import type { History } from "../../fleet/history.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";

/** Messages that a process received after its state was saved, without control messages. */
export interface LostMessages {
  readonly messages: number;
  /** Action → number of messages. */
  readonly byAction: Readonly<Record<string, number>>;
}

/** Actions of the fleet itself, which no client sends. */
const CONTROL: ReadonlySet<string> = new Set([
  ...FLEET_ACTIONS,
  "Eval",
  "PROCESS_DISCOVERY",
  "LEDGER",
  "DEPLOYMENT_STATUS",
]);

/** Slots per read. */
const PAGE = 500;

/** Counts the messages that a process received after a slot, read from its scheduler. */
export async function countLostMessages(
  history: History,
  { processId, slot }: Pick<Snapshot, "processId" | "slot">,
): Promise<LostMessages> {
  const latest = (await history.latest(processId)) ?? slot;
  const byAction = new Map<string, number>();
  for (let from = slot + 1; from <= latest; from += PAGE) {
    for (const { action } of await history.range(processId, from, Math.min(latest, from + PAGE - 1))) {
      if (CONTROL.has(action) || action === "(spawn)") continue;
      byAction.set(action, (byAction.get(action) ?? 0) + 1);
    }
  }
  return {
    messages: [...byAction.values()].reduce((sum, n) => sum + n, 0),
    byAction: Object.fromEntries(byAction),
  };
}

/** The messages of several processes together. Pure. */
export function sumOfLost(list: readonly LostMessages[]): LostMessages {
  const byAction: Record<string, number> = {};
  for (const one of list)
    for (const [action, count] of Object.entries(one.byAction))
      byAction[action] = (byAction[action] ?? 0) + count;
  return { messages: list.reduce((sum, { messages }) => sum + messages, 0), byAction };
}

/** `3 messages (2 ADD, 1 GREET) are`. */
export function describeLost({ messages, byAction }: LostMessages): string {
  const parts = Object.entries(byAction)
    .sort(([, a], [, b]) => b - a)
    .map(([action, count]) => `${count} ${action || "without action"}`);
  const more = parts.length > 5 ? `, … ${parts.length - 5} more` : "";
  return `${amount(messages, "message")} (${parts.slice(0, 5).join(", ")}${more}) ${messages === 1 ? "is" : "are"}`;
}
