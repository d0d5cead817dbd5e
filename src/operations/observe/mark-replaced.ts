import type { StatusRow } from "./status-row.ts";
import type { ShownTraffic } from "./traffic.ts";

/** Phases of an unfinished rollout. */
const UNDER_WAY: ReadonlySet<string> = new Set(["TRAFFIC_SWITCHING", "MONITORING", "HELD"]);

/**
 * Marks revisions that a rollout replaces: one that refuses new requests because another revision of its service has traffic is not
 * unhealthy but DRAINING, and names its replacement. All other rows stay the same. Pure.
 */
export function markReplaced(rows: readonly StatusRow[], traffic: ShownTraffic | undefined): StatusRow[] {
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
