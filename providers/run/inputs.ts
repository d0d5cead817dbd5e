import type { z } from "zod";
import { valueAt } from "../../src/core/json.ts";
import { startOf } from "../../src/core/unicode.ts";

/** Pulumi's placeholder for a value that is not known yet, in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A problem at the path of an input. Exported for the published declarations. */
export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

/** Whether a value, or any value in it, is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnknown);
}

/**
 * `news`, with the value of `olds` wherever a value is not known yet. An update in place keeps every id, so a preview that treated unknown
 * values as changes would announce updates that never happen. `up` compares again with the real values. Pure.
 */
export function assumeUnchanged(olds: unknown, news: unknown): unknown {
  if (news === UNKNOWN) return olds;
  if (typeof news !== "object" || news === null) return news;
  if (Array.isArray(news))
    return news.map((value, index) => assumeUnchanged(Array.isArray(olds) ? olds[index] : undefined, value));
  const before = typeof olds === "object" && olds !== null ? (olds as Record<string, unknown>) : {};
  return Object.fromEntries(
    Object.entries(news).map(([key, value]) => [key, assumeUnchanged(before[key], value)]),
  );
}

/** Inputs without the fields that Pulumi adds. */
export function ownInputs(raw: Record<string, unknown>): Record<string, unknown> {
  const { __provider, ...own } = raw;
  return own;
}

/**
 * Pulumi's `check` for a schema: fills in defaults and reports every problem at its path, all at once. Values that are not known yet pass;
 * they are checked again before the create.
 *
 * @param secrets fields whose values problems never show. @default none
 */
export function checkInputs(
  schema: z.ZodType,
  raw: Record<string, unknown>,
  secrets: readonly string[] = [],
): { inputs: Record<string, unknown>; failures: CheckFailure[] } {
  const own = ownInputs(raw);
  const parsed = schema.safeParse(own);
  if (parsed.success) return { inputs: parsed.data as Record<string, unknown>, failures: [] };
  const failures = parsed.error.issues
    .filter((issue) => !isUnknownAt(own, issue.path))
    .map(({ path, message }) => {
      const [field] = path;
      // A problem of the inputs as a whole would show their secrets.
      const isSecret = secrets.length > 0 && (field === undefined || secrets.includes(String(field)));
      const got = isSecret ? undefined : valueAt(own, path);
      return {
        property: path.map(String).join("."),
        reason: got === undefined ? message : `${message}; got ${startOf(JSON.stringify(got), 120)}`,
      };
    });
  return { inputs: own, failures };
}

/** Whether the value at a path, or one that contains it, is not known yet. */
const isUnknownAt = (root: unknown, path: readonly PropertyKey[]): boolean =>
  path.some((_, at) => valueAt(root, path.slice(0, at + 1)) === UNKNOWN);
