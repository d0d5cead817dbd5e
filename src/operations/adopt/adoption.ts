import type { Adoption } from "../../fleet/members/adoption.ts";
import type { Candidate } from "./find.ts";
import type { Verdict } from "./verdict.ts";

/** The members to adopt, each with its process. Pure. */
export function candidatesToAdopt(verdicts: ReadonlyMap<string, Verdict>): Map<string, Candidate> {
  return new Map(
    [...verdicts].flatMap(([name, verdict]) =>
      verdict.kind === "taken" ? [[name, verdict.candidate] as const] : [],
    ),
  );
}

/** The adoption that a run carries out. Pure. */
export function adoptionOf(taken: ReadonlyMap<string, Candidate>, allowCreate: boolean): Adoption {
  return {
    allowCreate,
    members: Object.fromEntries(
      [...taken].map(([name, { processId, generation, sourceHash, evalId, loadedAt }]) => [
        name,
        {
          processId,
          generation,
          sourceHash,
          ...(evalId === undefined ? {} : { evalId }),
          ...(loadedAt === undefined ? {} : { loadedAt }),
        },
      ]),
    ),
  };
}
