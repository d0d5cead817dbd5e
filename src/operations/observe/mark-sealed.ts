import { ALL_TRAFFIC_BP, ownedRanges, percent } from "../../delivery/index.ts";
import { REFUSING_REMEDY } from "./status.ts";
import type { StatusRow } from "./status-row.ts";
import type { ShownTraffic } from "./traffic.ts";

/**
 * Marks processes of which the router sends requests to a sealed range: those callers are refused. During a hand-over this lasts for moments; if
 * a deployer died before the switch, until the next deployment. All other rows stay the same. Pure.
 *
 * @param traffic what the router reports; `null` if that could not be read. A service without a table has all of its traffic
 */
export function markSealed(
  rows: readonly StatusRow[],
  traffic: ShownTraffic | undefined | null,
): StatusRow[] {
  return rows.map((row) => {
    if (row.sealed === undefined || traffic === null) return row;
    const refused = refusedBp(row, traffic);
    if (refused === 0) return row;
    const reason = `requests of ${percent(refused)} of callers are refused, because their keys are sealed${sinceText(row.sealed)}, ${REFUSING_REMEDY}`;
    const health = row.health === "HEALTHY" || row.health === "ACTIVE" ? "DEGRADED" : row.health;
    return { ...row, health, reasons: [...row.reasons, reason] };
  });
}

type SealedRanges = NonNullable<StatusRow["sealed"]>;

/** The share of callers that the router sends to a process which refuses them. */
function refusedBp({ name, of, processId, sealed }: StatusRow, traffic: ShownTraffic | undefined): number {
  const routes = traffic?.revisions.filter(({ service }) => service === (of ?? name)) ?? [];
  if (sealed === undefined) return 0;
  const salt = traffic?.salt ?? "";
  const all = routes.length === 0 ? [{ processId, weightBp: ALL_TRAFFIC_BP }] : routes;
  let sum = 0;
  for (const { processId: to, keys } of ownedRanges({ routes: all, salt })) {
    if (to !== processId) continue;
    const own = keys.to - keys.from;
    if (own < ALL_TRAFFIC_BP && salt !== sealed.salt) {
      // With another salt, the sealed callers are spread evenly over all buckets.
      sum += (shareOf(sealed) * own) / ALL_TRAFFIC_BP;
      continue;
    }
    for (const one of sealed.ranges)
      sum += Math.max(0, Math.min(one.to, keys.to) - Math.max(one.from, keys.from));
  }
  return sum;
}

const shareOf = ({ ranges }: SealedRanges): number =>
  ranges.reduce((sum, { from, to }) => sum + to - from, 0);

/** ` since 2026-11-30T08:00:00.000Z`, the earliest; empty if it is not known. */
function sinceText({ ranges }: SealedRanges): string {
  const times = ranges.flatMap(({ since }) => (since === undefined ? [] : [since])).sort();
  return times[0] === undefined ? "" : ` since ${times[0]}`;
}

/** A line about the sealed ranges of a process; undefined if it has none, or a reason already says so. Pure. */
export function sealedLine({ sealed, reasons }: StatusRow): string | undefined {
  if (sealed === undefined || reasons.some((reason) => reason.endsWith(REFUSING_REMEDY))) return undefined;
  return `keys of ${percent(shareOf(sealed))} of callers are sealed${sinceText(sealed)}: their state is with another revision, and requests that reach this one are refused`;
}
