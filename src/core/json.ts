/** Functions of newer engines that TypeScript's declarations do not contain yet. */
interface NewerJson extends JSON {
  readonly rawJSON?: (text: string) => unknown;
  readonly isRawJSON?: (value: unknown) => boolean;
}
const engine: NewerJson = JSON;

/** A number in its written form, because no double holds all its digits. */
interface ExactNumber {
  readonly rawJSON: string;
}

/** Only JSON with this many digits in a row, or an exponent this large, can contain such a number. */
const SUSPECT = /[\d.]{16}|\d[eE]\+?\d{3}/;

/**
 * Parses JSON and keeps every digit: a number that a double would change (an integer beyond 2^53, more than 17 digits, an
 * overflow) becomes an `ExactNumber`, which `JSON.stringify` and `canonicalJson` write unchanged. Processes count in 64-bit
 * integers and in strings of any length; values that are shown, copied or compared must not lose digits.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  const { rawJSON } = engine;
  if (rawJSON === undefined || !SUSPECT.test(text)) return JSON.parse(text);
  const keep = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    return typeof value === "number" && source !== undefined && !holds(value, source)
      ? rawJSON(source)
      : value;
  };
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}

/** A string as JSON with every digit (see `parseJson`); undefined if it is not JSON. */
export const exactJsonIn = (text: string): unknown => attempt(parseJson, text);

/** A string as JSON with its numbers as doubles; undefined if it is not JSON. */
export const jsonIn = (text: string): unknown => attempt(JSON.parse, text);

function attempt(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a double represents its source text exactly. */
function holds(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (/^-?\d+$/.test(source)) return String(value) === source || Object.is(value, -0);
  const digits = source
    .replace(/[eE].*$/, "")
    .replace(/\D/g, "")
    .replace(/^0+|0+$/g, "");
  return digits.length <= 17;
}

/** True for what `parseJson` returns for a number that no double holds. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return engine.isRawJSON?.(value) === true;
}

/** Less than, equal to or greater than 0, as for sorting; undefined if one of the two is not a number. */
export function compareNumbers(a: unknown, b: unknown): number | undefined {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [one, other] = [integerOf(a), integerOf(b)];
  if (one !== undefined && other !== undefined) return one < other ? -1 : one > other ? 1 : 0;
  const [near, far] = [numberOf(a), numberOf(b)];
  return near === undefined || far === undefined ? undefined : near - far;
}

/** The nearest double of a number, exact or not; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return isExactNumber(value) ? Number(value.rawJSON) : undefined;
}

/** The same data with every exact number replaced by its nearest double, for comparison with a program's own numbers. */
export function rounded(value: unknown): unknown {
  if (isExactNumber(value)) return Number(value.rawJSON);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rounded(member)]));
}

function integerOf(value: unknown): bigint | undefined {
  if (Number.isInteger(value)) return BigInt(value as number);
  return isExactNumber(value) && /^-?\d+$/.test(value.rawJSON) ? BigInt(value.rawJSON) : undefined;
}

/** The value at a path in plain data; undefined if there is none. */
export const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    root,
  );

/** Whether a value is an object, and no list. Pure. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
