import { WHOLE } from "./strategy.ts";
import type { RevisionMetrics } from "./wire.ts";

/** Requests that a revision got, of all. */
export interface Exposure {
  readonly requests: number;
  readonly total: number;
  /** requests / total; 0 of none. */
  readonly share: number;
}

/** How much of a service's traffic one of its revisions got, by the router's own count. Pure. */
export function exposureOf(
  revisions: Readonly<Record<string, Pick<RevisionMetrics, "requests">>>,
  processId: string,
): Exposure {
  const total = Object.values(revisions).reduce((sum, { requests }) => sum + requests, 0);
  const requests = revisions[processId]?.requests ?? 0;
  return { requests, total, share: total === 0 ? 0 : requests / total };
}

/**
 * Whether it got no more than its step allows: the share plus one in a hundred, plus what luck explains (three standard
 * deviations of so many callers). Pure.
 */
export function isWithinShare({ share, total }: Exposure, weightBp: number): boolean {
  const allowed = weightBp / WHOLE;
  if (total === 0) return true;
  return share <= allowed + 0.01 + 3 * Math.sqrt((allowed * (1 - allowed)) / total);
}
