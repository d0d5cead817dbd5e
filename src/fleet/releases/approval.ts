/**
 * Keeps the approval of a release's traffic on this machine, from the run that ended the rollout until a run records the release: the
 * same run, or a later one if that run failed in between. Runs on other machines do not know it.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Approval, ApprovalSchema } from "../../delivery/approval.ts";
import { readJson, writeAtomically } from "../files.ts";
import type { StackFiles } from "../session/scope.ts";

const KeptSchema = z.looseObject({ release: z.string(), approval: ApprovalSchema });

const pathOf = ({ home, project, stack }: StackFiles): string =>
  join(home, "approvals", `${project}.${stack}.json`);

/** Keeps an approval until a release is recorded. @param release the hash of its declaration */
export const keepApproval = (where: StackFiles, release: string, approval: Approval): Promise<void> =>
  writeAtomically(pathOf(where), `${JSON.stringify({ release, approval }, null, 2)}\n`);

/** The approval of this release; undefined if none was kept, or if it is another release's. */
export async function approvalOf(where: StackFiles, release: string): Promise<Approval | undefined> {
  const kept = KeptSchema.safeParse(await readJson(pathOf(where)).catch(() => undefined));
  return kept.success && kept.data.release === release ? kept.data.approval : undefined;
}

/** Deletes the kept approval: a release contains it, or it no longer applies. */
export const forgetApproval = (where: StackFiles): Promise<void> => rm(pathOf(where), { force: true });
