/**
 * What a refresh found changed by hand, as a state keeps it: `drift`, sentences for people, and `driftFacts`, what each of them says as
 * data. States of version 0.1.0 have the sentences alone. Pure.
 */

/** A finding of which a state has the sentence alone. */
export interface SentenceOnly {
  readonly code: "UNKNOWN";
  /** For people. */
  readonly text: string;
}

/** As the state has them; `F` is what a kind of resource can find. */
export interface KeptDrift<F> {
  readonly drift: readonly string[];
  readonly driftFacts?: readonly F[] | undefined;
}

/** Findings as the state keeps them; without facts where nothing was found, as in a state of version 0.1.0. */
export const keptDrift = <F>(
  found: readonly F[],
  textOf: (finding: F) => string,
): { drift: string[]; driftFacts?: readonly F[] } => ({
  drift: found.map(textOf),
  ...(found.length === 0 ? {} : { driftFacts: found }),
});

/** Findings that a state keeps, also one of version 0.1.0, and one whose sentences an earlier version wrote since. */
export const driftIn = <F>({ drift, driftFacts }: KeptDrift<F>): readonly (F | SentenceOnly)[] =>
  driftFacts?.length === drift.length
    ? driftFacts
    : drift.map((text): SentenceOnly => ({ code: "UNKNOWN", text }));

/** Outputs without what an earlier refresh found. */
export function withoutDrift<T extends KeptDrift<unknown>>(outputs: T): Omit<T, "drift" | "driftFacts"> {
  const { drift: _, driftFacts: __, ...others } = outputs;
  return others;
}
