import { luaConstant } from "../../bundler/index.ts";
import { type Rule, ruleOf } from "./rules.ts";
import { CONFIG_TYPES } from "./types.ts";

/** The rules of the types that every process knows. */
export const RULES: Readonly<Record<string, Rule>> = Object.fromEntries(
  Object.entries(CONFIG_TYPES).map(([name, schema]) => [name, ruleOf(schema).rule]),
);

/** The text of `src/runtime/fleet/config-rules.lua`. Pure. */
export function luaRules(): string {
  const lines = Object.keys(RULES)
    .sort()
    .map((name) => `  ${name} = ${literal(RULES[name], 1)},`);
  return [
    "--- What each setting may be. Generated from src/fleet/config/types.ts by `node src/fleet/config/generate.ts`;",
    "-- a test compares the two.",
    "return {",
    ...lines,
    "}",
    "",
  ].join("\n");
}

/** A Lua literal, in lines where it would be too long for one. */
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
