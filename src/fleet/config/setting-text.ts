import { hashOf } from "../../core/hash.ts";
import { isSealed } from "./seal.ts";

/** A setting as text for people; sealed values are not shown. */
export const settingText = (value: unknown): string =>
  value === undefined ? "unset" : isSealed(value) ? "(sealed)" : JSON.stringify(value);

/** A setting that differs, with its values as shown. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** The settings that differ, by name. Pure. */
export function changedFields(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): FieldChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys
    .filter((key) => hashOf(before[key] ?? null) !== hashOf(after[key] ?? null))
    .map((field) => ({ field, before: settingText(before[field]), after: settingText(after[field]) }));
}

/** `maxConcurrentRequests 100 → 200`. Pure. */
export const fieldText = ({ field, before, after }: FieldChange): string => `${field} ${before} → ${after}`;

/** Field by field: `maxConcurrentRequests 100 → 200`. Pure. */
export const explainData = (
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] => changedFields(before, after).map(fieldText);
