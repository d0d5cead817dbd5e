/** One row for each field of a schema, with its type, limits and default, and its comment in the source. */
import { z } from "zod";
import type { FieldComment, FieldComments } from "./comments.ts";

/** One row of a table of fields. */
export interface Row {
  /** Dotted; `<name>` is any key of a map, `[]` any element of a list. */
  readonly path: string;
  readonly type: string;
  /** The default, "required", or "–" for an optional field without a default. */
  readonly default: string;
  readonly text: string;
  /** The comment's `@default`, which a test compares with the schema's. */
  readonly documented?: string;
  /** The schema's default. */
  readonly actual?: unknown;
}

/** The part of a JSON Schema that `z.toJSONSchema` generates for these schemas. */
interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly oneOf?: readonly Shape[];
  readonly anyOf?: readonly Shape[];
}

/** Fields whose own fields are in another table: name → link to it. */
export type Elsewhere = Readonly<Record<string, string>>;

/** Every field of a schema, including nested ones. */
export function rowsOf(
  schema: z.ZodType,
  comments: FieldComments,
  elsewhere: Elsewhere = {},
  io: "input" | "output" = "input",
): Row[] {
  const shape = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Shape;
  return variantsOf(shape).flatMap((variant, index) =>
    rows(variant, commentsOf(shape, comments, index), "", elsewhere),
  );
}

function rows(shape: Shape, comments: FieldComments, prefix: string, elsewhere: Elsewhere): Row[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const comment = comments.get(name);
    const row: Row = {
      path,
      type: elsewhere[name] === undefined ? typeOf(field) : `[${name}](${elsewhere[name]})`,
      default: defaultOf(field, comment, shape.required?.includes(name) === true),
      text:
        comment?.text ||
        (field.const === undefined ? "" : `Identifies the variant: always ${code(field.const)}.`),
      ...(comment?.default === undefined ? {} : { documented: comment.default }),
      ...(field.default === undefined ? {} : { actual: field.default }),
    };
    if (elsewhere[name] !== undefined) return [row];
    const inner: FieldComments = comment?.fields ?? new Map();
    return [
      row,
      ...nestedIn(field, path, inner).flatMap(([at, nested, own]) => rows(nested, own, `${at}.`, elsewhere)),
    ];
  });
}

/** The objects in a field's value, the paths to them, and the comments of their fields. */
function nestedIn(field: Shape, path: string, comments: FieldComments): [string, Shape, FieldComments][] {
  const own: [string, Shape, FieldComments][] = field.properties ? [[path, field, comments]] : [];
  const { additionalProperties: values, items } = field;
  return [
    ...own,
    ...(typeof values === "object" ? nestedIn(values, `${path}.<name>`, comments) : []),
    ...(items ? nestedIn(items, `${path}[]`, comments) : []),
    ...variantsOf(field).flatMap((variant, index) =>
      variant === field ? [] : nestedIn(variant, path, commentsOf(field, comments, index)),
    ),
  ];
}

/** The comments of one variant of a union. A value that is no union in the source, such as a nullable object, has one set of comments. */
const commentsOf = (union: Shape, comments: FieldComments, index: number): FieldComments =>
  (comments.variants?.length === variantsOf(union).length ? comments.variants[index] : undefined) ?? comments;

const variantsOf = (shape: Shape): readonly Shape[] => shape.oneOf ?? shape.anyOf ?? [shape];

function defaultOf(field: Shape, comment: FieldComment | undefined, required: boolean): string {
  // A default that is JSON is shown as a value, any other as prose.
  if (comment?.default !== undefined)
    return asValue(comment.default) === undefined ? comment.default : code(asValue(comment.default));
  if (required) return "required";
  if (field.default === undefined) return "–";
  return field.properties ? "its own defaults" : code(field.default);
}

function typeOf(shape: Shape): string {
  if (shape.const !== undefined) return code(shape.const);
  if (shape.enum) return shape.enum.map(code).join(" or ");
  if (shape.oneOf ?? shape.anyOf) return [...new Set(variantsOf(shape).map(typeOf))].join(" or ");
  switch (shape.type) {
    case "string":
      return `string${textLimits(shape)}`;
    case "number":
    case "integer":
      return `${shape.type === "integer" ? "integer" : "number"}${numberLimits(shape)}`;
    case "array":
      return `list of ${shape.items ? typeOf(shape.items) : "anything"}${shape.minItems ? `, at least ${shape.minItems}` : ""}`;
    case "object":
      if (shape.properties) return "object";
      return `map to ${typeof shape.additionalProperties === "object" ? typeOf(shape.additionalProperties) : "anything"}`;
    default:
      return shape.type ?? "anything";
  }
}

function textLimits({ minLength, maxLength, pattern, format }: Shape): string {
  if (format === "uri") return ", a URL";
  if (pattern !== undefined) return ` like ${code(new RegExp(pattern).source)}`;
  if (minLength !== undefined && minLength === maxLength) return ` of ${minLength} characters`;
  if (maxLength !== undefined) return ` of ${minLength ?? 0} to ${maxLength} characters`;
  return "";
}

function numberLimits({ minimum, exclusiveMinimum, maximum }: Shape): string {
  const limits = [
    ...(exclusiveMinimum === undefined ? [] : [`> ${exclusiveMinimum}`]),
    // zod adds the limits of safe integers by itself.
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? [] : [`≥ ${minimum}`]),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`≤ ${maximum}`]),
  ];
  return limits.length === 0 ? "" : ` ${limits.join(", ")}`;
}

/** The value of a `@default`; undefined if it is prose. */
export function asValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const code = (value: unknown): string => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
