/** A value that must not appear outside its own file. */
export interface Secret {
  /** A description, never the value. */
  readonly name: string;
  readonly value: string;
}

/** Finds secrets in a string: whole, encoded, and parts of long ones. */
export interface KnownSecrets {
  /** The parts of the text that are secret, in order, as start and end. */
  in(text: string): readonly (readonly [number, number])[];
}

export const NO_SECRETS: KnownSecrets = { in: () => [] };

/** The minimum length: a shorter value occurs in ordinary text. */
const SHORTEST = 8;
/** The minimum length of a part. Of the 683 characters of an exponent, fewer tell nothing. */
const PART = 24;
/** Any part contains an aligned piece of this length, so that only one position in thirteen is looked up. */
const PIECE = 12;
const STRIDE = PART - PIECE + 1;

/** The forms in which a value is written: as it is, in JSON and in an address, and in base64, base64url and hex, at any offset. Pure. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const forms = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), ...hexOf(bytes)];
  for (const before of [0, 1, 2]) {
    const coded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    // The outer characters also contain bits of what is next to the value.
    const own = coded.slice(before === 0 ? 0 : before + 1, Math.floor((8 * (before + bytes.length)) / 6));
    forms.push(own, own.replaceAll("+", "-").replaceAll("/", "_"));
  }
  // Numbers of a key are base64url themselves.
  if (/^[\w-]{40,}$/.test(value)) {
    const number = Buffer.from(value, "base64url");
    const hex = number.toString("hex");
    forms.push(
      number.toString("base64").replace(/=+$/, ""),
      ...hexOf(number),
      BigInt(`0x${hex || "0"}`).toString(),
    );
  }
  return [...new Set(forms)].filter(({ length }) => length >= SHORTEST);
}

const hexOf = (bytes: Buffer): string[] => [bytes.toString("hex"), bytes.toString("hex").toUpperCase()];

/** Prepares the search for secrets; values of fewer than 8 characters are ignored. Pure. */
export function knownSecrets(secrets: readonly Secret[]): KnownSecrets {
  const forms = secrets
    .filter(({ value }) => value.length >= SHORTEST)
    .flatMap(({ value }) => [value, ...value.split(/\r?\n/).map((line) => line.trim())])
    .flatMap(formsOf);
  const whole = [...new Set(forms)];
  const pieces = new Map<string, { form: string; at: number }[]>();
  for (const form of whole) {
    if (form.length < PART) continue;
    for (let at = 0; at + PIECE <= form.length; at += 1) {
      const piece = form.slice(at, at + PIECE);
      const places = pieces.get(piece) ?? [];
      places.push({ form, at });
      pieces.set(piece, places);
    }
  }
  return {
    in: (text) => merged([...wholeIn(text, whole), ...partsIn(text, pieces)]),
  };
}

function wholeIn(text: string, forms: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  for (const form of forms)
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + form.length))
      found.push([at, at + form.length]);
  return found;
}

function partsIn(
  text: string,
  pieces: ReadonlyMap<string, readonly { readonly form: string; readonly at: number }[]>,
): [number, number][] {
  if (pieces.size === 0) return [];
  const found: [number, number][] = [];
  for (let at = 0; at + PIECE <= text.length; at += STRIDE) {
    for (const { form, at: inForm } of pieces.get(text.slice(at, at + PIECE)) ?? []) {
      let [start, end] = [0, PIECE];
      while (inForm - start > 0 && at - start > 0 && form[inForm - start - 1] === text[at - start - 1])
        start += 1;
      while (inForm + end < form.length && at + end < text.length && form[inForm + end] === text[at + end])
        end += 1;
      if (start + end >= PART) found.push([at - start, at + end]);
    }
  }
  return found;
}

/** Sorts ranges and joins those that overlap. */
function merged(ranges: [number, number][]): [number, number][] {
  const joined: [number, number][] = [];
  for (const range of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = joined.at(-1);
    if (last && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else joined.push(range);
  }
  return joined;
}
