import { z } from "zod";
import type { Problem } from "../src/core/errors.ts";
import { valueAt } from "../src/core/json.ts";
import { nearest } from "../src/fleet/nearest.ts";

/** Every zod issue as a problem at its path; for an unknown key, with the closest known one. */
export function problemsOf(error: z.ZodError, raw: unknown, schema: z.ZodType): Problem[] {
  const known = [...keysOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }))];
  return error.issues.flatMap((issue): Problem[] => {
    const at = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        return {
          code: "UNKNOWN_KEY",
          what: `"${key}" is not a setting.`,
          at: at === "" ? key : `${at}.${key}`,
          got: key,
          ...(near === undefined ? {} : { expected: `perhaps "${near}"` }),
          remedy: near === undefined ? "Remove it." : `Write "${near}", or remove it.`,
        };
      });
    }
    const got = valueAt(raw, issue.path);
    return [
      {
        code: "BAD_VALUE",
        what: `Invalid value for ${at}.`,
        at,
        got: shown(issue.path, got),
        expected: issue.message,
        remedy: "Change the value in index.ts, or in the stack's config if it is set there.",
      },
    ];
  });
}

/** Fields whose values are never shown. */
const SECRET: readonly PropertyKey[] = ["secrets", "secretOverrides", "sealTo"];

function shown(path: readonly PropertyKey[], got: unknown): string {
  if (got === undefined) return "nothing";
  if (path.some((field) => SECRET.includes(field))) return "a value that is not shown";
  return (JSON.stringify(got) ?? String(got)).slice(0, 120);
}

/** Every key that an object in a JSON schema may have. */
function* keysOf(shape: unknown): Generator<string> {
  if (typeof shape !== "object" || shape === null) return;
  const { properties } = shape as { properties?: unknown };
  if (typeof properties === "object" && properties !== null) yield* Object.keys(properties);
  for (const inner of Object.values(shape)) yield* keysOf(inner);
}
