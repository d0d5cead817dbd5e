import { z } from "zod";
import { isRecord } from "../../core/json.ts";
import { luaPattern } from "./pattern.ts";

/** The allowed values of a setting as plain data, which processes also use (`src/runtime/fleet/validate.lua`). */
export interface Rule {
  readonly type: "string" | "integer" | "number" | "boolean" | "object" | "list" | "any";
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** Exclusive minimum. */
  readonly above?: number;
  readonly below?: number;
  /** Of a string in code points, of a list in items. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly (string | number | boolean)[];
  /** The pattern in Lua. */
  readonly pattern?: string;
  /** The same pattern as a regular expression. */
  readonly like?: string;
  /** Members of an object; any other key is refused unless `values` is set. */
  readonly fields?: Readonly<Record<string, Rule>>;
  readonly values?: Rule;
  readonly keys?: Rule;
  readonly minKeys?: number;
  readonly maxKeys?: number;
  readonly items?: Rule;
  readonly example?: unknown;
  /** The default value. */
  readonly default?: unknown;
  /** Why AO cannot enforce the setting. */
  readonly idle?: string;
}

/** A check of a schema that a process cannot perform. */
interface Unsupported {
  /** Dotted path in the schema; "" for its root. */
  readonly at: string;
  /** Description of the check. */
  readonly what: string;
}

type Json = Record<string, unknown>;

/** Converts a schema to a rule, and lists checks that have no counterpart in a process. Pure. */
export function ruleOf(schema: z.ZodType): {
  readonly rule: Rule;
  readonly unsupported: readonly Unsupported[];
} {
  const unsupported: Unsupported[] = [];
  let shape: Json;
  try {
    shape = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;
  } catch (error) {
    return {
      rule: { type: "any" },
      unsupported: [{ at: "", what: error instanceof Error ? error.message : String(error) }],
    };
  }
  return { rule: convert(shape, "", unsupported), unsupported };
}

const KNOWN = new Set([
  ...["$schema", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  ...["minLength", "maxLength", "pattern", "properties", "required", "additionalProperties", "propertyNames"],
  ...["minProperties", "maxProperties", "items", "minItems", "maxItems", "examples", "default", "idle"],
  ...["title", "description", "deprecated", "id", "format"],
]);

function convert(shape: Json, at: string, unsupported: Unsupported[]): Rule {
  for (const key of Object.keys(shape)) {
    if (!KNOWN.has(key)) unsupported.push({ at, what: `"${key}"` });
  }
  if (shape.format !== undefined && shape.pattern === undefined)
    unsupported.push({ at, what: `the format "${String(shape.format)}"` });
  const type = typeOf(shape, at, unsupported);
  const rule: { -readonly [K in keyof Rule]: Rule[K] } = { type };
  const values = shape.enum ?? (shape.const === undefined ? undefined : [shape.const]);
  if (Array.isArray(values)) rule.enum = values as NonNullable<Rule["enum"]>;
  copyNumbers(shape, rule);
  if (typeof shape.pattern === "string") {
    const pattern = luaPattern(shape.pattern);
    if (pattern === undefined) unsupported.push({ at, what: `the pattern ${shape.pattern}` });
    else Object.assign(rule, { pattern, like: shape.pattern });
  }
  if (type === "object") convertObject(shape, at, rule, unsupported);
  if (type === "list" && isRecord(shape.items)) rule.items = convert(shape.items, `${at}[]`, unsupported);
  const [example] = Array.isArray(shape.examples) ? (shape.examples as unknown[]) : [];
  if (example !== undefined) rule.example = example;
  if (shape.default !== undefined) rule.default = shape.default;
  if (typeof shape.idle === "string") rule.idle = shape.idle;
  return rule;
}

function typeOf(
  { type, enum: values, const: one }: Json,
  at: string,
  unsupported: Unsupported[],
): Rule["type"] {
  switch (type) {
    case "string":
    case "integer":
    case "number":
    case "boolean":
    case "object":
      return type;
    case "array":
      return "list";
    case undefined:
      return "any";
    default:
      if (values === undefined && one === undefined)
        unsupported.push({ at, what: `the type ${String(type)}` });
      return "any";
  }
}

function copyNumbers(shape: Json, rule: { -readonly [K in keyof Rule]: Rule[K] }): void {
  const set = (key: "min" | "max" | "above" | "below" | "minLength" | "maxLength", value: unknown) => {
    if (typeof value === "number") rule[key] = value;
  };
  // zod adds the safe integer range to every integer: it is not a declared limit.
  const whole = shape.type === "integer";
  if (!whole || shape.minimum !== Number.MIN_SAFE_INTEGER) set("min", shape.minimum);
  if (!whole || shape.maximum !== Number.MAX_SAFE_INTEGER) set("max", shape.maximum);
  set("above", shape.exclusiveMinimum);
  set("below", shape.exclusiveMaximum);
  set("minLength", shape.minLength ?? shape.minItems);
  set("maxLength", shape.maxLength ?? shape.maxItems);
}

function convertObject(
  shape: Json,
  at: string,
  rule: { -readonly [K in keyof Rule]: Rule[K] },
  unsupported: Unsupported[],
): void {
  const inside = (name: string) => (at === "" ? name : `${at}.${name}`);
  const required = Array.isArray(shape.required) ? (shape.required as string[]) : [];
  if (isRecord(shape.properties)) {
    rule.fields = Object.fromEntries(
      Object.entries(shape.properties as Record<string, Json>).map(([name, field]) => {
        const own = convert(field, inside(name), unsupported);
        return [name, required.includes(name) ? { ...own, required: true } : own];
      }),
    );
  }
  const more = shape.additionalProperties;
  if (isRecord(more)) rule.values = convert(more, inside("<name>"), unsupported);
  if (isRecord(shape.propertyNames)) rule.keys = convert(shape.propertyNames, inside("<key>"), unsupported);
  if (typeof shape.minProperties === "number") rule.minKeys = shape.minProperties;
  if (typeof shape.maxProperties === "number") rule.maxKeys = shape.maxProperties;
}
