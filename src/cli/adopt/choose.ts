import type { Candidate } from "../../operations/adopt/find.ts";
import type { Choice } from "../host.ts";

/** The candidates as answers to a question. Pure. */
export function choicesOf(candidates: readonly Candidate[]): Choice<Candidate>[] {
  return candidates.map((candidate) => ({ value: candidate, name: candidateWords(candidate) }));
}

/** `<id> generation 2, 1.0.0 ab12cd34, since 2026-11-25, in the ledger`. Pure. */
function candidateWords({
  processId,
  generation,
  version,
  sourceHash,
  since,
  active,
  registered,
  released,
}: Candidate): string {
  const code = sourceHash === "" ? "no code" : `${version} ${sourceHash.slice(0, 8)}`;
  const parts = [
    `generation ${generation}`,
    code,
    ...(since === undefined ? [] : [`since ${since.slice(0, 10)}`]),
    ...(active ? ["in the router's table"] : []),
    ...(released ? ["in the last release"] : registered ? ["in the ledger"] : []),
  ];
  return `${processId} ${parts.join(", ")}`;
}
