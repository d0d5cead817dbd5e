import { ALL_TRAFFIC_BP } from "./strategy.ts";
import type { RevisionMetrics } from "./wire.ts";

/** A revision's requests, out of all. */
export interface Exposure {
  readonly requests: number;
  readonly total: number;
  /** requests / total; 0 if there are none. */
  readonly share: number;
}

/** The share of a service's traffic that one of its revisions got, as counted by the router. Pure. */
export function exposureOf(
  revisions: Readonly<Record<string, Pick<RevisionMetrics, "requests">>>,
  processId: string,
): Exposure {
  const total = Object.values(revisions).reduce((sum, { requests }) => sum + requests, 0);
  const requests = revisions[processId]?.requests ?? 0;
  return { requests, total, share: total === 0 ? 0 : requests / total };
}

/**
 * Whether a revision got no more than its step allows: the share, plus one percentage point, plus three standard
 * deviations for the number of callers. Pure.
 */
export function isWithinShare({ share, total }: Exposure, weightBp: number): boolean {
  const allowed = weightBp / ALL_TRAFFIC_BP;
  if (total === 0) return true;
  return share <= allowed + 0.01 + 3 * Math.sqrt((allowed * (1 - allowed)) / total);
}
