import { UsageError } from "../../core/usage-error.ts";
import type { OperationContext } from "../context.ts";
import type { Declared } from "./declared.ts";
import { type Candidate, findMembers } from "./find.ts";
import { type Verdict, verdictOn } from "./verdict.ts";

/**
 * Searches the processes of declared members on the network, and decides about each.
 *
 * @param named member → the AO process that it must adopt
 * @param choose asks a person which of several processes a member adopts; undefined if nobody can be asked
 * @throws UsageError UNKNOWN_PROCESS for a name that is not a member to adopt
 */
export async function decideAdoptions(
  context: OperationContext,
  declared: Declared,
  named: Readonly<Record<string, string>>,
  choose: ((name: string, candidates: readonly Candidate[]) => Promise<Candidate>) | undefined,
): Promise<Map<string, Verdict>> {
  const known = new Set(declared.members.map(({ name }) => name));
  for (const name of Object.keys(named)) {
    if (known.has(name)) continue;
    throw new UsageError({
      code: "UNKNOWN_PROCESS",
      what: `"${name}" is not a member to adopt.`,
      at: "--process",
      got: name,
      expected: known.size > 0 ? `one of ${[...known].join(", ")}` : "a member that is not in the state",
      remedy: "Fix the name.",
    });
  }
  if (known.size === 0) return new Map();
  const fleet = await context.fleet({
    journal: "discard",
    ...(declared.network === undefined ? {} : { network: declared.network }),
  });
  const found = await findMembers(fleet.session, declared, named, fleet.session.budget(120));
  const verdicts = new Map<string, Verdict>();
  for (const one of found) {
    const { name } = one.member;
    const verdict = verdictOn(one, named[name]);
    verdicts.set(
      name,
      verdict.kind === "several" && choose
        ? { kind: "taken", candidate: await choose(name, verdict.candidates) }
        : verdict,
    );
  }
  return verdicts;
}
