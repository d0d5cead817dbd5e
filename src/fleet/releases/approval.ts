/**
 * Who let the traffic of a release through, from the run that ended its rollout to the one that writes the release down: the same, or a
 * later one where that run failed in between. On this machine; a run elsewhere does not know, and says nothing.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Approval, ApprovalSchema } from "../../delivery/approval.ts";
import { readJson, writeAtomically } from "../files.ts";
import type { Scope } from "../session/scope.ts";

type Where = Pick<Scope, "home" | "project" | "stack">;

const KeptSchema = z.looseObject({ release: z.string(), approval: ApprovalSchema });

const pathOf = ({ home, project, stack }: Where): string =>
  join(home, "approvals", `${project}.${stack}.json`);

/** Keeps it until a release is written down. @param release the hash of its declaration */
export const keepApproval = (where: Where, release: string, approval: Approval): Promise<void> =>
  writeAtomically(pathOf(where), `${JSON.stringify({ release, approval }, null, 2)}\n`);

/** Of this release; undefined where none was kept, or of another one. */
export async function approvalOf(where: Where, release: string): Promise<Approval | undefined> {
  const kept = KeptSchema.safeParse(await readJson(pathOf(where)).catch(() => undefined));
  return kept.success && kept.data.release === release ? kept.data.approval : undefined;
}

/** A release has it now, or the next is none of its. */
export const forgetApproval = (where: Where): Promise<void> => rm(pathOf(where), { force: true });
