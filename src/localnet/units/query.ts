import { UnitError } from "./http.ts";

/** A 400 as the scheduler unit's framework writes it: plain text, not JSON. */
export class QueryRefused extends Error {
  /** The whole answer. */
  response(): Response {
    return new Response(this.message, {
      status: 400,
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  }
}

/**
 * The parameters of a call to the scheduler unit, read as strictly as the real one does: surplus names are ignored, a name
 * given twice, a required one left out, or a `limit` that is no 32-bit integer refuses the call.
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

/** A place in the order, as the scheduler unit's store reads it. @throws UnitError */
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
