import { amount } from "../../core/amount.ts";
import type { Problem } from "../../core/errors.ts";
import type { Candidate, Found } from "../../operations/adopt/find.ts";
import type { Verdict } from "../../operations/adopt/verdict.ts";
import type { Choice } from "../host.ts";

export function whyMissing(name: string, candidates: readonly Candidate[], others: Found["others"]): string {
  const [last] = candidates;
  if (last) return `the last process of ${name} is ${last.processId}: ${last.unfit}`;
  const [other] = others;
  return other
    ? `the process of ${name}, ${other.processId}, belongs to another wallet: ${other.owner}`
    : "no process with its key, and none in the ledger";
}

/** What stops an adoption, all at once. Pure. */
export function problemsOf(
  verdicts: ReadonlyMap<string, Verdict>,
  options: { readonly allowCreate: boolean },
): Problem[] {
  return [...verdicts].flatMap(([name, verdict]) =>
    verdict.kind === "taken" || (verdict.kind === "missing" && options.allowCreate)
      ? []
      : [{ at: `processes.${name}`, ...problemOf(name, verdict) }],
  );
}

function problemOf(name: string, verdict: Exclude<Verdict, { kind: "taken" }>): Problem {
  if (verdict.kind === "missing") {
    return {
      code: "ADOPT_MISSING",
      what: `Nothing was found that ${name} could take over.`,
      got: verdict.why,
      expected: "a living process of this stack's wallet",
      remedy: `Is it the right wallet and network? Name a process: --process ${name}=<id>; or let it be made: --allow-create.`,
    };
  }
  if (verdict.kind === "several") {
    return {
      code: "ADOPT_SEVERAL",
      what: `${amount(verdict.candidates.length, "process lives", "processes live")} that ${name} could take over.`,
      got: verdict.candidates.map(candidateWords).join("; "),
      expected: "one",
      remedy: `Name the one that is meant: --process ${name}=<id>`,
    };
  }
  return {
    code: "ADOPT_REFUSED",
    what: `${name} cannot take over the process that was named.`,
    got: verdict.why,
    expected: "a living process of this stack's wallet with the declared module",
    remedy: "Name another id, or leave --process away to see what there is.",
  };
}

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
