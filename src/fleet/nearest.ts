import leven from "leven";

/** The known word within two edits, if any. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = leven(word.toLowerCase(), candidate.toLowerCase());
    if (
      distance <= Math.max(2, Math.floor(candidate.length / 4)) &&
      distance < (best?.distance ?? Number.POSITIVE_INFINITY)
    ) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** What was expected, after the known word that was probably meant: `perhaps "shop"; one of battle, shop`. */
export const withSuggestion = (near: string | undefined, expected: string): string =>
  near === undefined ? expected : `perhaps "${near}"; ${expected}`;
