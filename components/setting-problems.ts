import leven from "leven";
import type { Problem } from "../src/core/errors.ts";
import { isRecord, jsonIn } from "../src/core/json.ts";
import { KindSchema } from "../src/delivery/strategy.ts";
import { nearest } from "../src/fleet/nearest.ts";
import { SETTINGS, type Setting } from "./setting-table.ts";

/** A stack's config as Pulumi passes it to the program. */
export interface StackValues {
  readonly project: string;
  readonly stack: string;
  /** Full key (`project:key`) → value as a string, including the defaults of Pulumi.yaml. */
  readonly values: Readonly<Record<string, string>>;
  /** Full keys whose values must never be shown. */
  readonly secret: readonly string[];
  /** Keys that the project's Pulumi.yaml declares, with or without the project's name as a prefix. */
  readonly declared: readonly string[];
}

const PACKAGE = "ao-fleet";

/**
 * Everything that is wrong with a stack's settings, at once: values of the wrong type, misspelt keys, and keys under this package's name in
 * a project with another name. Other keys belong to the program. Pure.
 */
export function settingProblems(stack: StackValues): Problem[] {
  return Object.entries(stack.values).flatMap(([full, value]) => {
    const colon = full.indexOf(":");
    const [space, key] = [full.slice(0, colon), full.slice(colon + 1)];
    if (space !== stack.project) {
      return space === PACKAGE && Object.hasOwn(SETTINGS, key) ? [wrongNamespace(stack, full, key)] : [];
    }
    const setting: Setting | undefined = Object.hasOwn(SETTINGS, key)
      ? SETTINGS[key as "network"]
      : undefined;
    if (setting === undefined) return misspelt(stack, full, key);
    if (key === "strategy") return unparsedStrategy(stack, full, value);
    return wrongType(stack, full, key, setting, value);
  });
}

const fileOf = ({ stack }: StackValues): string => `Pulumi.${stack}.yaml`;

function wrongNamespace(stack: StackValues, full: string, key: string): Problem {
  return {
    code: "SETTING_ELSEWHERE",
    what: `"${full}" is ignored: settings of this project start with its own name.`,
    at: fileOf(stack),
    got: full,
    expected: `${stack.project}:${key}`,
    remedy: `Rename it in ${fileOf(stack)}.`,
  };
}

function misspelt(stack: StackValues, full: string, key: string): Problem[] {
  if (stack.declared.includes(key) || stack.declared.includes(full)) return [];
  const near = closestSetting(key);
  if (near === undefined) return [];
  return [
    {
      code: "SETTING_UNKNOWN",
      what: `"${key}" is not a setting.`,
      at: fileOf(stack),
      got: full,
      expected: `perhaps "${near}"`,
      remedy: `pulumi config rm ${key}, then pulumi config set ${near} <value>. If the program itself reads "${key}", declare it under "config" in Pulumi.yaml.`,
    },
  ];
}

/**
 * Stricter than `nearest`, which would take a program's own "session" for "version": one edit or two swapped letters, or two edits in a
 * long word.
 */
function isClose(key: string, near: string): boolean {
  const [a, b] = [key.toLowerCase(), near.toLowerCase()];
  if (leven(a, b) <= (a.length < 10 ? 1 : 2)) return true;
  return [...a].some((_, at) => a.slice(0, at) + (a[at + 1] ?? "") + a[at] + a.slice(at + 2) === b);
}

/** The setting that a misspelt key may mean: a close one, or the one that a long key is the beginning of ("healthTimeout"). */
function closestSetting(key: string): string | undefined {
  const known = Object.keys(SETTINGS);
  const near = nearest(key, known);
  if (near !== undefined && isClose(key, near)) return near;
  return key.length < 10 ? undefined : known.find((each) => each.toLowerCase().startsWith(key.toLowerCase()));
}

function wrongType(
  stack: StackValues,
  full: string,
  key: string,
  { type, default: preset }: Setting,
  value: string,
): Problem[] {
  const expected = EXPECTED[type](value);
  if (expected === undefined) return [];
  return [
    {
      code: "SETTING_INVALID",
      what: `Invalid value for the setting "${key}".`,
      at: fileOf(stack),
      got: shown(stack, full, value),
      expected,
      remedy: `pulumi config set ${key} ${preset === undefined || preset === "" ? "<value>" : preset}`,
    },
  ];
}

/** Whether a value of the setting `strategy` is a complete strategy as JSON; otherwise it is a kind. Pure. */
export const isJsonStrategy = (value: string): boolean => value.trimStart().startsWith("{");

/** A strategy that starts as JSON and does not parse. Its content is checked with the declaration. */
function unparsedStrategy(stack: StackValues, full: string, value: string): Problem[] {
  if (!isJsonStrategy(value) || isRecord(jsonIn(value))) return [];
  return [
    {
      code: "SETTING_INVALID",
      what: 'The setting "strategy" starts with "{" but is not valid JSON.',
      at: `${fileOf(stack)}: strategy`,
      got: shown(stack, full, value),
      expected: `a kind (${KindSchema.options.join(", ")}), or JSON such as {"kind":"rolling","maxParallel":2}`,
      remedy: `Fix the JSON: double quotes around names and strings, no comma after the last one. Then pulumi config set strategy '<JSON>'.`,
    },
  ];
}

/** The value as errors show it. */
const shown = ({ secret }: StackValues, full: string, value: string): string =>
  secret.includes(full) ? "a secret that is not shown" : JSON.stringify(value.slice(0, 120));

/** By type: what would have been accepted; undefined for a valid value. */
const EXPECTED: Readonly<Record<Setting["type"], (value: string) => string | undefined>> = {
  string: () => undefined,
  integer: (value) =>
    /^-?\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? undefined : "an integer",
  boolean: (value) => (value === "true" || value === "false" ? undefined : "true or false"),
  object: (value) => (value === "" || isRecord(jsonIn(value)) ? undefined : "an object (JSON)"),
};
