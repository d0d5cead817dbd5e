import { luaConstant } from "./constants.ts";

/**
 * Creates a Lua module that returns a table of plain data. Pure.
 *
 * @param comment the lines of its header comment, without hyphens
 * @param fields strings, numbers, booleans, lists and records of these
 */
export function luaModule(comment: readonly string[], fields: Readonly<Record<string, unknown>>): string {
  const [first = "", ...more] = comment;
  const lines = Object.entries(fields).map(([name, value]) => `  ${keyOf(name)} = ${literal(value, 1)},`);
  return [`--- ${first}`, ...more.map((line) => `-- ${line}`), "return {", ...lines, "}", ""].join("\n");
}

/** A Lua literal; split into several lines if it is too long for one. */
function literal(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) return luaConstant(value as string | number | boolean);
  const entries = Array.isArray(value)
    ? value.map((item) => literal(item, depth + 1))
    : Object.entries(value).map(([key, member]) => `${keyOf(key)} = ${literal(member, depth + 1)}`);
  const line = `{ ${entries.join(", ")} }`;
  if (line.length + 2 * depth < 120 && !line.includes("\n")) return line;
  const indent = "  ".repeat(depth + 1);
  return `{\n${entries.map((entry) => `${indent}${entry},`).join("\n")}\n${"  ".repeat(depth)}}`;
}

const keyOf = (key: string): string => (/^[A-Za-z_]\w*$/.test(key) ? key : `["${key}"]`);
