import { amount } from "../../core/amount.ts";
import type { History } from "../../fleet/history.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";

/** What was sent to a process since its earlier state was kept, control messages aside. */
export interface Lost {
  readonly messages: number;
  /** Action → how many. */
  readonly byAction: Readonly<Record<string, number>>;
}

/** Actions that change nothing that a client did. */
const CONTROL = new Set([
  "Eval",
  "Info",
  "HEALTH_CHECK",
  "GET_STATISTICS",
  "UPDATE_CONFIG",
  "GET_CONFIG",
  "WIRE_PEERS",
  "RETIRE",
  "RESUME",
  "DRAIN",
  "EXPORT_STATE",
  "IMPORT_STATE",
  "SET_ALLOWED",
  "AUDIT",
  "LOGS",
  "PROBE_PEERS",
  "PROCESS_DISCOVERY",
  "LEDGER",
  "DEPLOYMENT_STATUS",
]);

/** Slots read at once. */
const PAGE = 500;

/** Counts what a process was sent after a slot, by reading its order. */
export async function lostSince(
  history: History,
  { processId, slot }: Pick<Snapshot, "processId" | "slot">,
): Promise<Lost> {
  const latest = (await history.latest(processId)) ?? slot;
  const byAction: Record<string, number> = {};
  for (let from = slot + 1; from <= latest; from += PAGE) {
    for (const { action } of await history.range(processId, from, Math.min(latest, from + PAGE - 1))) {
      if (CONTROL.has(action) || action === "(spawn)") continue;
      byAction[action] = (byAction[action] ?? 0) + 1;
    }
  }
  return { messages: Object.values(byAction).reduce((sum, n) => sum + n, 0), byAction };
}

/** `3 messages (2 ADD, 1 GREET) are`. */
export function lostWords({ messages, byAction }: Lost): string {
  const parts = Object.entries(byAction)
    .sort(([, a], [, b]) => b - a)
    .map(([action, count]) => `${count} ${action || "without action"}`);
  const more = parts.length > 5 ? `, … ${parts.length - 5} more` : "";
  return `${amount(messages, "message")} (${parts.slice(0, 5).join(", ")}${more}) ${messages === 1 ? "is" : "are"}`;
}
