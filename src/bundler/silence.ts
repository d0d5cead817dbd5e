import type { Problem } from "../core/errors.ts";

/** Errors that can be silenced; with any other the program does not load. */
const SILENCEABLE_ERRORS = new Set([
  "LUA_MODULE_MISSING",
  "LUA_FEATURE_MISSING",
  "LUA_REQUIRE_CYCLE",
  "BUNDLE_OVER_BUDGET",
]);

/** Codes of warnings. */
export const WARNING_CODES = [
  "LUA_ACTION_SHARED",
  "LUA_FUNCTION_MISSING",
  "LUA_GLOBAL_UNDECLARED",
  "LUA_HANDLER_OF_AOS",
  "LUA_HANDLER_SWALLOWS",
  "LUA_MODULE_ASSUMED",
  "LUA_MODULE_UNUSED",
  "LUA_REQUIRE_DYNAMIC",
  "LUA_SHADOWS_AOS",
] as const;

export interface Findings {
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Removes what the declaration accepts, each code with a reason; an unknown code or an empty reason is an error. */
export function applySilence(findings: Findings, silence: Readonly<Record<string, string>>): Findings {
  const wrong: Problem[] = [];
  for (const [code, reason] of Object.entries(silence)) {
    const known = SILENCEABLE_ERRORS.has(code) || (WARNING_CODES as readonly string[]).includes(code);
    if (known && reason.trim() !== "") continue;
    wrong.push({
      code: "SILENCE_INVALID",
      what: known ? `${code} is silenced without a reason.` : `${code} cannot be silenced.`,
      expected: known ? "a short reason" : [...WARNING_CODES, ...SILENCEABLE_ERRORS].join(", "),
      remedy: known ? "Set the reason as the value." : "Fix the code, or remove it.",
      at: `silence.${code}`,
    });
  }
  const stays = ({ code }: Problem): boolean => silence[code] === undefined;
  const allowed = ({ code }: Problem): boolean => stays({ code } as Problem) || !SILENCEABLE_ERRORS.has(code);
  return {
    errors: [...wrong, ...findings.errors.filter(allowed)],
    warnings: findings.warnings.filter(stays),
  };
}
