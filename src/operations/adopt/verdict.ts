import { whyMissing } from "../../cli/adopt/choose.ts";
import type { Candidate, Found } from "./find.ts";

/** What is to become of one member. */
export type Verdict =
  | { readonly kind: "taken"; readonly candidate: Candidate }
  /** Several live: a person has to say which. */
  | { readonly kind: "several"; readonly candidates: readonly Candidate[] }
  | { readonly kind: "missing"; readonly why: string }
  /** An id was named that cannot be this member. */
  | { readonly kind: "refused"; readonly why: string };

/**
 * Which process a member takes over: the one that was named, the only one that lives, or of several the one that the router
 * gives requests to, else that the last release names, else the only one that the ledger knows. Pure.
 */
export function verdictOn({ member, candidates, others }: Found, named: string | undefined): Verdict {
  if (named !== undefined) {
    const one = candidates.find(({ processId }) => processId === named);
    if (one?.unfit !== undefined) return { kind: "refused", why: `${named}: ${one.unfit}` };
    if (one) return { kind: "taken", candidate: one };
    const owner = others.find(({ processId }) => processId === named)?.owner;
    return {
      kind: "refused",
      why:
        owner === undefined
          ? `${named} is no process that the gateway shows`
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
