import type { Alert } from "../../../monitor/book.ts";

/** A time as people and programs read it. */
export const iso = (at: number): string => new Date(at).toISOString();

/** An alert as a document has it. */
export const plain = ({ raisedAt, lastAt, acknowledgedAt, resolvedAt, ...alert }: Alert) => ({
  ...alert,
  raisedAt: iso(raisedAt),
  lastAt: iso(lastAt),
  ...(acknowledgedAt === undefined ? {} : { acknowledgedAt: iso(acknowledgedAt) }),
  ...(resolvedAt === undefined ? {} : { resolvedAt: iso(resolvedAt) }),
});
