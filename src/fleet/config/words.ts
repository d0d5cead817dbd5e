import { hashOf } from "../../core/hash.ts";
import type { Held } from "./held.ts";
import { isSealed } from "./seal.ts";

/** A setting as people see it; what is sealed is not shown. */
export const show = (value: unknown): string =>
  value === undefined ? "unset" : isSealed(value) ? "(sealed)" : JSON.stringify(value);

/** Field by field: `maxConcurrentRequests 100 → 200`. Pure. */
export function explainData(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys
    .filter((key) => hashOf(before[key] ?? null) !== hashOf(after[key] ?? null))
    .map((key) => `${key} ${show(before[key])} → ${show(after[key])}`);
}

/** `by <address> through <address> at 2026-01-01T00:00:00.000Z`; "" where the process does not know. Pure. */
function explainAuthor({ by, requestedBy, at }: Pick<Held, "by" | "requestedBy" | "at">): string {
  const parts = [
    requestedBy !== undefined && requestedBy !== by ? `by ${requestedBy} through ${by}` : by && `by ${by}`,
    at === undefined || at <= 0 ? undefined : `at ${new Date(at).toISOString()}`,
  ];
  return parts.filter((part) => part).join(" ");
}

/** What a target holds instead of what it should hold. Pure. */
export function explainHeld(
  name: string,
  configType: string,
  wanted: Readonly<Record<string, unknown>>,
  held: Held | undefined,
): string {
  if (!held) return `${name} holds no ${configType}`;
  const author = explainAuthor(held);
  const fields = explainData(wanted, held.data).join(", ");
  return `${name} holds other ${configType}: ${fields} (v${held.version}${author === "" ? "" : ` ${author}`})`;
}
