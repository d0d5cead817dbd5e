import { z } from "zod";
import type { Problem } from "../src/core/errors.ts";
import { valueAt } from "../src/core/json.ts";
import { startOf } from "../src/core/unicode.ts";
import { nearest, withSuggestion } from "../src/fleet/nearest.ts";

/** Every zod issue as a problem at its path; for an unknown key, with the closest known one. */
export function problemsOf(error: z.ZodError, raw: unknown, schema: z.ZodType): Problem[] {
  const known = [...keysOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }))];
  return error.issues.flatMap((issue): Problem[] => {
    const at = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => unknownKey(at === "" ? key : `${at}.${key}`, key, known));
    return [badValue({ at, got: shown(issue.path, valueAt(raw, issue.path)), expected: issue.message })];
  });
}

/** What a problem says in addition to what all of its kind say, or instead of it. */
type Details = Partial<Omit<Problem, "code">>;

/**
 * A key that a declaration or a config type does not have.
 *
 * @param expected the valid keys. @default the closest one
 */
export function unknownKey(at: string, key: string, known: readonly string[], expected?: string): Problem {
  const near = nearest(key, known);
  const valid = expected === undefined ? near && `perhaps "${near}"` : withSuggestion(near, expected);
  return {
    code: "UNKNOWN_KEY",
    what: `"${key}" is not a setting.`,
    at,
    got: key,
    ...(valid === undefined ? {} : { expected: valid }),
    remedy: near === undefined ? "Remove it." : `Write "${near}", or remove it.`,
  };
}

/** A value that its schema does not accept. */
export const badValue = (details: Details & { readonly at: string }): Problem => ({
  code: "BAD_VALUE",
  what: `Invalid value for ${details.at}.`,
  remedy: "Change the value in index.ts, or in the stack's config if it is set there.",
  ...details,
});

/**
 * A name that no member has.
 *
 * @param quantity how many of the known names are expected
 */
export const unknownProcess = (
  name: string,
  known: readonly string[],
  quantity: "one" | "some",
  details: Details & { readonly what: string },
): Problem => ({
  code: "UNKNOWN_PROCESS",
  got: name,
  expected: withSuggestion(nearest(name, known), `${quantity} of ${known.join(", ")}`),
  remedy: "Fix the name.",
  ...details,
});

/** `--only` leaves out a member that one of the chosen ones depends on, and that does not run. */
export const dependencyNotRunning = (
  missing: string,
  only: readonly string[],
  details: { readonly what: string; readonly expected: string },
): Problem => ({
  code: "DEPENDENCY_NOT_RUNNING",
  got: `--only "${only.join(" ")}"`,
  remedy: `--only "${[missing, ...only].join(" ")}"`,
  ...details,
});

/** Fields whose values are never shown. */
const SECRET: readonly PropertyKey[] = ["secrets", "secretOverrides", "sealTo"];

function shown(path: readonly PropertyKey[], got: unknown): string {
  if (got === undefined) return "nothing";
  if (path.some((field) => SECRET.includes(field))) return "a value that is not shown";
  return startOf(JSON.stringify(got) ?? String(got), 120);
}

/** Every key that an object in a JSON schema may have. */
function* keysOf(shape: unknown): Generator<string> {
  if (typeof shape !== "object" || shape === null) return;
  const { properties } = shape as { properties?: unknown };
  if (typeof properties === "object" && properties !== null) yield* Object.keys(properties);
  for (const inner of Object.values(shape)) yield* keysOf(inner);
}
