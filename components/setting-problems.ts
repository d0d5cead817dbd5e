import leven from "leven";
import type { Problem } from "../src/core/errors.ts";
import { nearest } from "../src/fleet/nearest.ts";
import { SETTINGS, type Setting } from "./setting-table.ts";

/** A stack's config as Pulumi hands it to the program. */
export interface StackValues {
  readonly project: string;
  readonly stack: string;
  /** Full key (`project:key`) → value as text; Pulumi.yaml's defaults are in it. */
  readonly values: Readonly<Record<string, string>>;
  /** Full keys whose values must not be repeated. */
  readonly secret: readonly string[];
  /** Keys that the project's Pulumi.yaml declares, with or without its name before them. */
  readonly declared: readonly string[];
}

const PACKAGE = "ao-fleet";

/**
 * Everything that is wrong with a stack's settings, at once: values of the wrong type, keys that look like a setting and are none,
 * and keys under this package's name in a project with another one. Other keys are the program's own. Pure.
 */
export function settingProblems(given: StackValues): Problem[] {
  return Object.entries(given.values).flatMap(([full, value]) => {
    const colon = full.indexOf(":");
    const [space, key] = [full.slice(0, colon), full.slice(colon + 1)];
    if (space !== given.project) {
      return space === PACKAGE && Object.hasOwn(SETTINGS, key) ? [misplaced(given, full, key)] : [];
    }
    const setting: Setting | undefined = Object.hasOwn(SETTINGS, key)
      ? SETTINGS[key as "network"]
      : undefined;
    if (setting === undefined) return misspelt(given, full, key);
    return ofWrongType(given, full, key, setting, value);
  });
}

const fileOf = ({ stack }: StackValues): string => `Pulumi.${stack}.yaml`;

function misplaced(given: StackValues, full: string, key: string): Problem {
  return {
    code: "SETTING_ELSEWHERE",
    what: `"${full}" is not read: settings of this project begin with its own name.`,
    at: fileOf(given),
    got: full,
    expected: `${given.project}:${key}`,
    remedy: `Rename it in ${fileOf(given)}.`,
  };
}

function misspelt(given: StackValues, full: string, key: string): Problem[] {
  if (given.declared.includes(key) || given.declared.includes(full)) return [];
  const near = meant(key);
  if (near === undefined) return [];
  return [
    {
      code: "SETTING_UNKNOWN",
      what: `"${key}" is not a setting.`,
      at: fileOf(given),
      got: full,
      expected: `perhaps "${near}"`,
      remedy: `pulumi config rm ${key}, then pulumi config set ${near} <value>. If the program itself reads "${key}", declare it under "config" in Pulumi.yaml.`,
    },
  ];
}

/**
 * Stricter than `nearest`, which would take a program's own "session" for "version": one edit or two swapped letters, two edits in
 * a long word, or a long word cut off ("healthTimeout").
 */
function isClose(key: string, near: string): boolean {
  const [a, b] = [key.toLowerCase(), near.toLowerCase()];
  if (leven(a, b) <= (a.length < 10 ? 1 : 2)) return true;
  return [...a].some((_, at) => a.slice(0, at) + (a[at + 1] ?? "") + a[at] + a.slice(at + 2) === b);
}

/** The setting that a key may mean. */
function meant(key: string): string | undefined {
  const known = Object.keys(SETTINGS);
  const near = nearest(key, known);
  if (near !== undefined && isClose(key, near)) return near;
  return key.length < 10 ? undefined : known.find((each) => each.toLowerCase().startsWith(key.toLowerCase()));
}

function ofWrongType(
  given: StackValues,
  full: string,
  key: string,
  { type, default: preset }: Setting,
  value: string,
): Problem[] {
  const expected = FITS[type](value);
  if (expected === undefined) return [];
  return [
    {
      code: "SETTING_INVALID",
      what: `Invalid value for the setting "${key}".`,
      at: fileOf(given),
      got: given.secret.includes(full) ? "a secret that is not shown" : JSON.stringify(value.slice(0, 120)),
      expected,
      remedy: `pulumi config set ${key} ${preset === undefined || preset === "" ? "<value>" : preset}`,
    },
  ];
}

/** What would have been accepted; undefined when the value is. */
const FITS: Readonly<Record<Setting["type"], (value: string) => string | undefined>> = {
  string: () => undefined,
  integer: (value) =>
    /^-?\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? undefined : "an integer",
  boolean: (value) => (value === "true" || value === "false" ? undefined : "true or false"),
  object: (value) => (value === "" || isObject(value) ? undefined : "an object (JSON)"),
};

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
