import type { Candidate } from "../../operations/adopt/find.ts";
import { candidateWords } from "../../operations/adopt/verdict.ts";
import type { Choice } from "../host.ts";

/** The candidates as answers to a question. Pure. */
export function choicesOf(candidates: readonly Candidate[]): Choice<Candidate>[] {
  return candidates.map((candidate) => ({ value: candidate, name: candidateWords(candidate) }));
}
