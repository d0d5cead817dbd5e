import { FleetError } from "../../core/errors.ts";
import type { Alert, Change } from "../../monitor/alert-book.ts";
import { deliver } from "../../monitor/notify/send.ts";
import type { Settings } from "../../monitor/settings.ts";

/** How a receiver took a test alert. */
interface Tested {
  readonly receiver: string;
  readonly ok: boolean;
  readonly reason?: string;
}

/**
 * Sends a test alert to every receiver, or to the named one.
 *
 * @throws FleetError NO_RECEIVER
 */
export async function testReceivers(
  receivers: Settings["receivers"],
  named: string | undefined,
  origin: Parameters<typeof deliver>[2],
  env: Parameters<typeof deliver>[3]["env"],
): Promise<Tested[]> {
  const chosen = receivers.filter(({ name }) => named === undefined || name === named);
  if (chosen.length === 0) {
    const names = receivers.map(({ name }) => name);
    throw new FleetError({
      code: "NO_RECEIVER",
      what: named === undefined ? "No receiver is configured." : `Unknown receiver "${named}".`,
      expected: names.length > 0 ? `one of ${names.join(", ")}` : "receivers in monitoring.yaml",
      remedy: "docs/how-to/alerts.md shows how to add one.",
    });
  }
  const tested: Tested[] = [];
  for (const each of chosen) {
    const { ok, reason } = await testOne((changes) => deliver(each, changes, origin, { env }));
    tested.push({ receiver: each.name, ok, ...(reason === undefined ? {} : { reason }) });
  }
  return tested;
}

/** Sends a test alert to one receiver, raised and then resolved. */
async function testOne(
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
