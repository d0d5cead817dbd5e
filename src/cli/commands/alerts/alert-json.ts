import type { Alert } from "../../../monitor/alert-book.ts";

/** A time in milliseconds since 1970 as ISO 8601. */
export const iso = (at: number): string => new Date(at).toISOString();

/** An alert for `--json`, with times in ISO 8601. */
export const alertJson = ({ raisedAt, lastAt, acknowledgedAt, resolvedAt, ...alert }: Alert) => ({
  ...alert,
  raisedAt: iso(raisedAt),
  lastAt: iso(lastAt),
  ...(acknowledgedAt === undefined ? {} : { acknowledgedAt: iso(acknowledgedAt) }),
  ...(resolvedAt === undefined ? {} : { resolvedAt: iso(resolvedAt) }),
});
