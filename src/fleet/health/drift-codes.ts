/**
 * The drift that a refresh found in a process: a code for decisions, and a sentence for people. The state keeps the sentences as
 * `drift` and the codes as `driftCodes`; states of version 0.1.0 have only the sentences, which only this file parses. The other
 * resources store `driftFacts` (`providers/run/drift-facts.ts`); states keep both formats. Pure.
 */
import { z } from "zod";

/**
 * - `CODE`: it runs other code than was loaded
 * - `VERSION`: it reports another version
 * - `OWNER`: another wallet owns it
 * - `STOPPED`: it is retired or draining, and refuses requests
 * - `EPOCH_AHEAD`: its epoch is higher than the ledger's
 * - `RIVAL_LEDGER`: another operator's ledger takes precedence
 * - `HAND_CHANGE`: handlers or functions were changed manually
 * - `UNANSWERED`: it does not answer the fleet's probes
 * - `UNKNOWN`: only the sentence describes it
 */
const DRIFT_CODES = [
  "CODE",
  "VERSION",
  "OWNER",
  "STOPPED",
  "EPOCH_AHEAD",
  "RIVAL_LEDGER",
  "HAND_CHANGE",
  "UNANSWERED",
  "UNKNOWN",
] as const;
export const DriftCodeSchema = z.enum(DRIFT_CODES);
type DriftCode = z.infer<typeof DriftCodeSchema>;

export interface Drift {
  readonly code: DriftCode;
  /** For people. */
  readonly text: string;
}

/** Drift in the format of the state. */
interface StoredDriftCodes {
  readonly drift: readonly string[];
  readonly driftCodes?: readonly DriftCode[] | undefined;
}

/** Findings in the format of the state; without codes if nothing was found, as in a state of version 0.1.0. */
export const storeDriftCodes = (found: readonly Drift[]): { drift: string[]; driftCodes?: DriftCode[] } => ({
  drift: found.map(({ text }) => text),
  ...(found.length === 0 ? {} : { driftCodes: found.map(({ code }) => code) }),
});

/** The findings in a state, including one of version 0.1.0. */
export const readDriftCodes = ({ drift, driftCodes }: StoredDriftCodes): Drift[] =>
  drift.map((text, at) => ({
    code: (driftCodes?.length === drift.length ? driftCodes[at] : undefined) ?? codeOfSentence(text),
    text,
  }));

/** Whether any finding has the code. */
export const hasDrift = (found: readonly Drift[], code: DriftCode): boolean =>
  found.some((one) => one.code === code);

/** Sentences of version 0.1.0 that decisions depend on. */
const SENTENCES: readonly (readonly [RegExp, DriftCode])[] = [
  [/^it is (retired|draining) instead of active$/, "STOPPED"],
  [/^it is at epoch \d+, /, "EPOCH_AHEAD"],
  [/^somebody else made the ledger that counts: /, "RIVAL_LEDGER"],
];

const codeOfSentence = (text: string): DriftCode =>
  SENTENCES.find(([pattern]) => pattern.test(text))?.[1] ?? "UNKNOWN";
