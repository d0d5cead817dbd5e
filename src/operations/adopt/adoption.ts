import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../../fleet/files.ts";
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
function adoptionOf(taken: ReadonlyMap<string, Candidate>, allowCreate: boolean): Adoption {
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

/** Writes the adoption to a file, whose path `work` gets, and removes it afterwards. */
export async function withAdoption<T>(
  projectDir: string,
  taken: ReadonlyMap<string, Candidate>,
  allowCreate: boolean,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(projectDir, ".fleet", `adoption-${process.pid}.json`);
  await writeAtomically(path, JSON.stringify(adoptionOf(taken, allowCreate)));
  try {
    return await work(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** What is adopted, and what was not found, as data. Pure. */
export function listed(verdicts: ReadonlyMap<string, Verdict>): Record<string, unknown> {
  const missing = [...verdicts].flatMap(([name, verdict]) =>
    verdict.kind === "missing" ? [{ name, why: verdict.why }] : [],
  );
  return { adopted: Object.fromEntries(candidatesToAdopt(verdicts)), missing };
}
