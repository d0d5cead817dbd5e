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
