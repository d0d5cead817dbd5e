/** Placeholder until the minifier is chosen. */
export function minifyLua(text: string): string {
  return text;
}
