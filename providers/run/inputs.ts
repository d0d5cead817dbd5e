import type { z } from "zod";

/** What Pulumi puts where a value is not known yet, in preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

/** Whether any value in there is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnknown);
}

/** Inputs without what Pulumi adds. */
export function ownInputs(raw: Record<string, unknown>): Record<string, unknown> {
  const { __provider, ...own } = raw;
  return own;
}

/**
 * Pulumi's `check` for a schema: defaults filled in, every problem at its path, all at once. Members that are not known
 * yet pass: they are checked again before the create.
 */
export function checkInputs(
  schema: z.ZodType,
  raw: Record<string, unknown>,
): { inputs: Record<string, unknown>; failures: CheckFailure[] } {
  const own = ownInputs(raw);
  const parsed = schema.safeParse(own);
  if (parsed.success) return { inputs: parsed.data as Record<string, unknown>, failures: [] };
  const failures = parsed.error.issues
    .filter((issue) => valueAt(own, issue.path) !== UNKNOWN)
    .map((issue) => {
      const got = valueAt(own, issue.path);
      return {
        property: issue.path.map(String).join("."),
        reason:
          got === undefined ? issue.message : `${issue.message}; got ${JSON.stringify(got).slice(0, 120)}`,
      };
    });
  return { inputs: own, failures };
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (value === UNKNOWN) return UNKNOWN;
    value =
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return value;
}
