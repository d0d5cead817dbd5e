import type { StatusRow } from "./status-row.ts";
import type { ShownTraffic } from "./traffic.ts";

/** Phases in which a rollout has not come to its end. */
const UNDER_WAY: ReadonlySet<string> = new Set(["TRAFFIC_SWITCHING", "MONITORING", "HELD"]);

/**
 * Rows as they are while a rollout is under way: a revision that takes no new requests since another one of its service has traffic is
 * no ill process, and says which one replaces it. Without such a one, or without a rollout, it stays as it is. Pure.
 */
export function whileReplaced(rows: readonly StatusRow[], traffic: ShownTraffic | undefined): StatusRow[] {
  if (!traffic || !UNDER_WAY.has(traffic.phase)) return [...rows];
  return rows.map((row) => {
    const next = traffic.revisions.find(
      ({ service, processId, weightBp }) =>
        service === (row.of ?? row.name) && processId !== row.processId && weightBp > 0,
    );
    if (row.drains !== true || !next) return row;
    const { processId: replacedBy } = next;
    return { ...row, health: "DRAINING", replacedBy, reasons: [`being replaced by ${replacedBy}`] };
  });
}
