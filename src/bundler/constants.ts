import type { Problem } from "../core/errors.ts";

/** A single-line Lua string literal whose value is exactly the UTF-8 bytes of `value`. */
export function luaString(value: string): string {
  const body = value.replace(/[\\"]/g, "\\$&").replace(
    // Line ends would break the line; NUL and other control characters do not survive every transport.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    /[\x00-\x1f\x7f]/g,
    (control) => `\\${String(control.charCodeAt(0)).padStart(3, "0")}`,
  );
  return `"${body}"`;
}

/** A Lua expression for a number: integers stay integers, other numbers keep every bit. */
function luaNumber(value: number): string {
  if (Number.isNaN(value)) return "(0/0)";
  if (value === Number.POSITIVE_INFINITY) return "math.huge";
  if (value === Number.NEGATIVE_INFINITY) return "-math.huge";
  if (Object.is(value, -0)) return "-0.0";
  return String(value);
}

/** A Lua expression for a constant. */
export function luaConstant(value: string | number | boolean): string {
  if (typeof value === "string") return luaString(value);
  return typeof value === "number" ? luaNumber(value) : String(value);
}

/** Statements that set the constants as globals, past a metatable that guards them: one per line, sorted by name. */
export function constantLines(constants: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.keys(constants)
    .sort()
    .map((name) => `rawset(_G, ${luaString(name)}, ${luaConstant(constants[name] ?? "")})`);
}

/** False for half a surrogate pair, which UTF-8 cannot encode. */
const isWhole = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** The problems of invalid constants: other types, and strings that UTF-8 cannot encode. */
export function constantProblems(constants: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(constants)) {
    if (
      typeof value === "string" ? isWhole(value) : typeof value === "number" || typeof value === "boolean"
    ) {
      if (isWhole(name)) continue;
    }
    problems.push({
      code: "CONSTANT_INVALID",
      what: `Invalid value for the constant ${JSON.stringify(name)}.`,
      got: typeof value === "string" ? "a string with half a surrogate pair" : typeof value,
      expected: "a string of whole characters, a number or a boolean",
      remedy: "Use a plain value, and put structured data into a config bundle.",
      at: `constants.${name}`,
    });
  }
  return problems;
}
