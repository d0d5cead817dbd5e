import type { Problem } from "../core/errors.ts";

/** Errors that a program may have its reasons for; all others cannot be loaded at all. */
const SILENCEABLE_ERRORS = new Set(["LUA_MODULE_MISSING", "LUA_REQUIRE_CYCLE", "BUNDLE_OVER_BUDGET"]);

/** Codes of warnings. */
export const WARNING_CODES = [
  "LUA_ACTION_SHARED",
  "LUA_GLOBAL_UNDECLARED",
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

/** Leaves out what the declaration accepts, each code with a reason; an unknown code or no reason is itself an error. */
export function applySilence(findings: Findings, silence: Readonly<Record<string, string>>): Findings {
  const wrong: Problem[] = [];
  for (const [code, reason] of Object.entries(silence)) {
    const known = SILENCEABLE_ERRORS.has(code) || (WARNING_CODES as readonly string[]).includes(code);
    if (known && reason.trim() !== "") continue;
    wrong.push({
      code: "SILENCE_INVALID",
      what: known ? `${code} is silenced without a reason.` : `${code} is no code that can be silenced.`,
      expected: known
        ? "why it is accepted, in a few words"
        : [...WARNING_CODES, ...SILENCEABLE_ERRORS].join(", "),
      remedy: known ? "Write the reason as the value." : "Correct the code, or remove it.",
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
