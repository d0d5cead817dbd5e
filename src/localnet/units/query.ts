import { UnitError } from "./http.ts";

/** A 400 in the format of the scheduler unit's framework: plain text, not JSON. */
export class QueryRefused extends Error {
  /** The complete response. */
  response(): Response {
    return new Response(this.message, {
      status: 400,
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  }
}

/**
 * The parameters of a call to the scheduler unit, parsed as strictly as by the real one: unknown names are ignored; a duplicate
 * name, a missing required one, or a `limit` that is not a 32-bit integer is refused.
 *
 * @throws QueryRefused
 */
export function schedulerQuery(
  url: string,
  known: readonly string[],
  required: readonly string[] = [],
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, value] of new URL(url).searchParams) {
    if (!known.includes(name)) continue;
    if (name in found) throw refused(`duplicate field \`${name}\``);
    if (name === "limit" && !isInteger(value, 32)) throw refused(invalidDigit(value));
    found[name] = value;
  }
  for (const name of required) if (!(name in found)) throw refused(`missing field \`${name}\``);
  return found;
}

/** A place in the order, as parsed by the scheduler unit's store. @throws UnitError */
export function placeIn(value: string | undefined, bits: 32 | 64): number | undefined {
  if (value === undefined) return undefined;
  if (!isInteger(value, bits)) {
    throw new UnitError(400, `IntError("data store int error: ${invalidDigit(value)}")`);
  }
  return Number(value);
}

const refused = (why: string) => new QueryRefused(`Query deserialize error: ${why}`);

const isInteger = (text: string, bits: 32 | 64) =>
  /^[+-]?\d+$/.test(text) && BigInt(text) === BigInt.asIntN(bits, BigInt(text));

function invalidDigit(text: string): string {
  if (text === "") return "cannot parse integer from empty string";
  if (!/^[+-]?\d+$/.test(text)) return "invalid digit found in string";
  return `number too ${text.startsWith("-") ? "small" : "large"} to fit in target type`;
}
