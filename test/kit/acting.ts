/** Ranges of code points on which a terminal, a browser or a reader acts, as numbers: independent of the expression under test. */
const RANGES: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x2800, 0x2800],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe007f],
];

/** The code points of a string on which something acts, in hex; those in `allowed` do not count. */
export const actingIn = (text: string, allowed = ""): string[] =>
  [...text].flatMap((character) => {
    const code = character.codePointAt(0) ?? 0;
    const acts = RANGES.some(([from, to]) => code >= from && code <= to);
    return acts && !allowed.includes(character) ? [code.toString(16)] : [];
  });
