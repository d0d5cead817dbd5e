import { amount } from "../../core/amount.ts";
import { canonicalJson } from "../../core/hash.ts";
import { isRecord } from "../../core/json.ts";
import type { Rule } from "./rules.ts";

/** A value that violates a rule. A process reports it with the same text. */
export interface Misfit {
  /** `configData.requestTimeout`; items of a list are counted from 1. */
  readonly path: string;
  readonly got: string;
  readonly expected: string;
}

/** A misfit with data for decisions; its sentences are for people. */
export interface FoundMisfit extends Misfit {
  /** The key itself is unknown, whatever its value. */
  readonly isUnknownKey: boolean;
}

const MAX_PROBLEMS = 100;
/** The rule for any key of an object, so that both sides sort keys alike. */
const KEY: Rule = { type: "string", minLength: 1, maxLength: 128, pattern: "^[ -~]+$", like: "^[ -~]+$" };

/** Every problem of one value at its path; empty if it is valid. The counterpart of `validate.value` in Lua. Pure. */
export const checkValue = (value: unknown, rule: Rule, path: string): Misfit[] =>
  misfitsOf(value, rule, path).map(({ isUnknownKey: _, ...misfit }) => misfit);

/** The same, with the kind of each problem. Pure. */
export function misfitsOf(value: unknown, rule: Rule, path: string): FoundMisfit[] {
  const problems: FoundMisfit[] = [];
  checkOne(value, rule, path, problems);
  return problems;
}

function add(
  problems: FoundMisfit[],
  path: string,
  got: string,
  expected: string,
  isUnknownKey = false,
): void {
  if (problems.length < MAX_PROBLEMS) problems.push({ path, got, expected, isUnknownKey });
}

function checkOne(value: unknown, rule: Rule, path: string, problems: FoundMisfit[]): void {
  const got = misfit(value, rule);
  if (got !== undefined) add(problems, path, got, words(rule));
  else if (Array.isArray(value) && rule.items)
    for (const [index, item] of value.entries())
      checkOne(item, rule.items, `${path}[${index + 1}]`, problems);
  else if (rule.type === "object") checkObject(value as Record<string, unknown>, rule, `${path}.`, problems);
}

function checkObject(
  data: Readonly<Record<string, unknown>>,
  rule: Rule,
  prefix: string,
  problems: FoundMisfit[],
): void {
  const { fields = {} } = rule;
  for (const name of sorted({ ...fields, ...data })) {
    const own = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const value = Object.hasOwn(data, name) ? data[name] : undefined;
    if (own && value !== undefined) checkOne(value, own, prefix + name, problems);
    else if (own?.required) add(problems, prefix + name, "nothing", words(own));
    else if (!own && value !== undefined) checkUndeclaredKey(name, value, rule, prefix, problems);
  }
}

function checkUndeclaredKey(
  name: string,
  value: unknown,
  { fields = {}, values, keys = KEY }: Rule,
  prefix: string,
  problems: FoundMisfit[],
): void {
  const path = prefix + label(name);
  const odd = values && misfit(name, keys);
  const known = sorted(fields);
  if (!values)
    add(problems, path, "an unknown key", known.length === 0 ? "none" : `one of ${known.join(" ")}`, true);
  else if (odd !== undefined) add(problems, path, `the key ${odd}`, words(keys));
  else checkOne(value, values, path, problems);
}

/** Describes how a value itself violates a rule; undefined if it does not. */
function misfit(value: unknown, rule: Rule): string | undefined {
  if (!isKind(value, rule.type)) return describe(value);
  if (rule.enum && !rule.enum.some((one) => one === value)) return describe(value);
  if (typeof value === "number") return inRange(value, rule) ? undefined : describe(value);
  if (typeof value === "string") {
    const length = lengthOf(value);
    if (!within(length, rule.minLength, rule.maxLength)) return `a string of ${amount(length, "character")}`;
    const fits =
      rule.like === undefined || (Buffer.byteLength(value) <= 4096 && new RegExp(rule.like).test(value));
    return fits ? undefined : describe(value);
  }
  if (Array.isArray(value))
    return within(value.length, rule.minLength, rule.maxLength) ? undefined : amount(value.length, "item");
  if (rule.type === "object") {
    const count = Object.values(value as object).filter((member) => member !== undefined).length;
    return within(count, rule.minKeys, rule.maxKeys) ? undefined : amount(count, "member");
  }
  return undefined;
}

function isKind(value: unknown, kind: Rule["type"]): boolean {
  switch (kind) {
    case "string":
      return typeof value === "string" && !/\p{Surrogate}/u.test(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return typeof value === "boolean";
    case "list":
      return Array.isArray(value);
    case "object":
      return isRecord(value);
    case "any":
      return value !== undefined && value !== null;
  }
}

function inRange(n: number, { min, max, above, below }: Rule): boolean {
  return within(n, min, max) && (above === undefined || n > above) && (below === undefined || n < below);
}

const within = (n: number, least?: number, most?: number): boolean =>
  (least === undefined || n >= least) && (most === undefined || n <= most);

/** Code points, as JSON Schema counts. */
const lengthOf = (text: string): number => [...text].length;

/** Describes a value. */
function describe(value: unknown): string {
  if (typeof value === "string")
    return lengthOf(value) > 60 ? `a string of ${lengthOf(value)} characters` : JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "object") return "an object";
  return String(value);
}

const KINDS: Readonly<Record<Rule["type"], string>> = {
  string: "a string",
  integer: "an integer",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  list: "a list",
  any: "a value",
};

/** Describes the values that a rule allows, with its example. */
function words(rule: Rule): string {
  const example = rule.example === undefined ? "" : `, for example ${canonicalJson(rule.example)}`;
  return `${takes(rule)}${example}`;
}

function takes(rule: Rule): string {
  if (rule.enum) return `one of ${rule.enum.join(" ")}`;
  const kind = KINDS[rule.type];
  switch (rule.type) {
    case "string": {
      const like = rule.pattern === undefined ? "" : ` like ${rule.like ?? rule.pattern}`;
      return `${kind}${bounds(rule.minLength, rule.maxLength, "characters")}${like}`;
    }
    case "list":
      return `${kind}${bounds(rule.minLength, rule.maxLength, "items")}`;
    case "object":
      return `${kind}${bounds(rule.minKeys, rule.maxKeys, "members")}`;
    case "integer":
    case "number":
      return `${kind}${range(rule)}`;
    default:
      return kind;
  }
}

function range({ min, max, above, below }: Rule): string {
  if (min !== undefined && max !== undefined && above === undefined && below === undefined)
    return ` from ${min} to ${max}`;
  const low = above !== undefined ? `above ${above}` : min !== undefined ? `at least ${min}` : undefined;
  const high = below !== undefined ? `below ${below}` : max !== undefined ? `at most ${max}` : undefined;
  if (low !== undefined && high !== undefined) return ` ${low} and ${high}`;
  return low !== undefined || high !== undefined ? ` ${low ?? high}` : "";
}

function bounds(least: number | undefined, most: number | undefined, unit: string): string {
  if (least !== undefined && most !== undefined) return ` of ${least} to ${most} ${unit}`;
  if (least !== undefined) return ` of at least ${least} ${unit}`;
  return most === undefined ? "" : ` of at most ${most} ${unit}`;
}

/** A key as part of a path. */
const label = (name: string): string =>
  name.length <= 60 && /^[ -~]+$/.test(name) ? name : `(a key of ${lengthOf(name)} characters)`;

/** Sorted by bytes, as in Lua. */
const sorted = (value: object): string[] =>
  Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
