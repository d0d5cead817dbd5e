import { amount } from "../../core/amount.ts";
import type { Problem } from "../../core/errors.ts";
import type { DeclaredMember } from "./declared.ts";
import type { Candidate, MemberCandidates } from "./find.ts";

/** The decision about one member. */
export type Verdict =
  | { readonly kind: "taken"; readonly candidate: Candidate }
  /** Several processes are alive: a person must choose. */
  | { readonly kind: "several"; readonly candidates: readonly Candidate[] }
  | { readonly kind: "missing"; readonly why: string }
  /** The named process cannot be adopted by this member. */
  | { readonly kind: "refused"; readonly why: string };

/**
 * Decides which process a member adopts: the one that was named, or the only one alive. If several are alive, the one with traffic,
 * otherwise the one in the last release, otherwise the only one in the ledger. Pure.
 */
export function verdictOn(
  { member, candidates, others }: MemberCandidates,
  named: string | undefined,
): Verdict {
  if (named !== undefined) {
    const one = candidates.find(({ processId }) => processId === named);
    if (one?.unfit !== undefined) return { kind: "refused", why: `${named}: ${one.unfit}` };
    if (one) return { kind: "taken", candidate: one };
    const owner = others.find(({ processId }) => processId === named)?.owner;
    return {
      kind: "refused",
      why:
        owner === undefined
          ? `the gateway does not know the process ${named}`
          : `${named} belongs to ${owner}`,
    };
  }
  const fit = candidates.filter(({ unfit }) => unfit === undefined);
  const [only, ...rest] = fit;
  if (!only) return { kind: "missing", why: whyMissing(member.name, candidates, others) };
  if (rest.length === 0) return { kind: "taken", candidate: only };
  const serving = fit.find((one) => one.active) ?? fit.find((one) => one.released);
  if (serving) return { kind: "taken", candidate: serving };
  const [registered, ...more] = fit.filter((one) => one.registered);
  if (registered && more.length === 0) return { kind: "taken", candidate: registered };
  return { kind: "several", candidates: fit };
}

function whyMissing(
  name: string,
  candidates: readonly Candidate[],
  others: MemberCandidates["others"],
): string {
  const [last] = candidates;
  if (last) return `the last process of ${name} is ${last.processId}: ${last.unfit}`;
  const [other] = others;
  return other
    ? `the process of ${name}, ${other.processId}, belongs to another wallet: ${other.owner}`
    : "no process with its key and none in the ledger";
}

/** All problems that prevent an adoption. Pure. */
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
      what: `No process was found for ${name} to adopt.`,
      got: verdict.why,
      expected: "a running process of this stack's wallet",
      remedy: `Check the wallet and the network. Or name a process: --process ${name}=<id>; or have it created: --allow-create.`,
    };
  }
  if (verdict.kind === "several") {
    return {
      code: "ADOPT_SEVERAL",
      what: `${name} could adopt any of ${amount(verdict.candidates.length, "process", "processes")}.`,
      got: verdict.candidates.map(describeCandidate).join("; "),
      expected: "one process",
      remedy: `Name one: --process ${name}=<id>`,
    };
  }
  return {
    code: "ADOPT_REFUSED",
    what: `${name} cannot adopt the named process.`,
    got: verdict.why,
    expected: "a running process of this stack's wallet with the declared module",
    remedy: "Name another id, or leave out --process to see the candidates.",
  };
}

/** `<id> generation 2, 1.0.0 ab12cd34, since 2026-11-25, in the ledger`. Pure. */
export function describeCandidate({
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

/** A declared member with what was found for it: name, id, generation, code, and by what it was found. Pure. */
export function foundRow(
  { name, hash, named }: Pick<DeclaredMember, "name" | "hash" | "named">,
  verdict: Verdict | undefined,
): string[] {
  if (named || verdict === undefined) return [name, "named by the program", "", "", ""];
  if (verdict.kind !== "taken") return [name, verdict.kind, "", "", ""];
  const { processId, generation, version, sourceHash, active, registered, released } = verdict.candidate;
  return [
    name,
    processId,
    String(generation),
    codeText(version, sourceHash, hash),
    active ? "router" : released ? "last release" : registered ? "ledger" : "key",
  ];
}

function codeText(version: string, runs: string, declared: string): string {
  if (runs === "") return "none, will be loaded";
  return runs === declared ? `${version}, as declared` : `${version}, other code, will be replaced`;
}
