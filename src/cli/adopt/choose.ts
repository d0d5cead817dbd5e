import type { Candidate } from "../../operations/adopt/find.ts";
import { describeCandidate } from "../../operations/adopt/verdict.ts";
import type { Choice } from "../questions.ts";

/** The candidates as choices of a prompt. Pure. */
export function choicesOf(candidates: readonly Candidate[]): Choice<Candidate>[] {
  return candidates.map((candidate) => ({ value: candidate, name: describeCandidate(candidate) }));
}
