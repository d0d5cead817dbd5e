/**
 * The findings of a refresh as the state stores them: `drift`, sentences for people, and `driftFacts`, the same as data. States of version
 * 0.1.0 have only the sentences. A process stores `driftCodes` instead (`src/fleet/health/drift-codes.ts`): its sentences are not made
 * from its codes alone. Pure.
 */

/** A finding that a state stores only as a sentence. */
export interface SentenceOnly {
  readonly code: "UNKNOWN";
  /** For people. */
  readonly text: string;
}

/** The findings in a state. `F` is the type of a resource's findings. */
interface StoredDriftFacts<F> {
  readonly drift: readonly string[];
  readonly driftFacts?: readonly F[] | undefined;
}

/** Findings for the state. Without findings there are no facts, as in a state of version 0.1.0. */
export const storeDriftFacts = <F>(
  found: readonly F[],
  textOf: (finding: F) => string,
): { drift: string[]; driftFacts?: readonly F[] } => ({
  drift: found.map(textOf),
  ...(found.length === 0 ? {} : { driftFacts: found }),
});

/** The findings in a state, including states of version 0.1.0 and states that an earlier version has updated since. */
export const readDriftFacts = <F>({
  drift,
  driftFacts,
}: StoredDriftFacts<F>): readonly (F | SentenceOnly)[] =>
  driftFacts?.length === drift.length
    ? driftFacts
    : drift.map((text): SentenceOnly => ({ code: "UNKNOWN", text }));

/** Outputs without the findings of an earlier refresh. */
export function withoutDrift<T extends StoredDriftFacts<unknown>>(
  outputs: T,
): Omit<T, "drift" | "driftFacts"> {
  const { drift: _, driftFacts: __, ...others } = outputs;
  return others;
}
