/** Whether a string can be written as UTF-8: it contains no half of a surrogate pair. */
export const isUtf8 = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** The text of UTF-8 bytes; undefined if they are none, which a lossy decoder would replace. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The start of a string, at most `most` UTF-16 units: without the first half of a character, which would be written as U+FFFD. Pure. */
export function startOf(text: string, most: number): string {
  const start = text.slice(0, most);
  return start.length < text.length && /[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start;
}
