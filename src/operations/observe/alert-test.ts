import type { Alert, Change } from "../../monitor/alert-book.ts";

/** Sends a test alert to one receiver, raised and then resolved. */
export async function testOne(
  send: (changes: readonly Change[]) => Promise<{ ok: boolean; reason?: string }>,
): Promise<{ ok: boolean; reason?: string }> {
  const now = Date.now();
  const alert: Alert = {
    alertId: "alert-test",
    type: "PROCESS_DEGRADED",
    source: "test",
    message: "This is a test; nothing is wrong.",
    level: "WARNING",
    state: "OPEN",
    count: 1,
    raisedAt: now,
    lastAt: now,
    escalatedAt: now,
  };
  const raised = await send([{ kind: "raised", alert }]);
  return raised.ok
    ? send([{ kind: "resolved", alert: { ...alert, state: "RESOLVED", resolvedAt: now } }])
    : raised;
}
