import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readJson, writeAtomically } from "../../fleet/files.ts";

const text = z.string();

/** `build/rollback-<id>.json`: what a rollback was to do, did and found. */
export const RollbackReportSchema = z.looseObject({
  /** `rollback-<time>-<random>`. */
  rollbackId: text,
  /** The ledger's id of it, where there is a ledger. */
  requestId: text.optional(),
  project: text,
  stack: text,
  /** DEPLOYMENT, STATE or EMERGENCY. */
  rollbackType: text,
  reason: text,
  /** Whether it was begun by a deployment that failed. */
  automatic: z.boolean(),
  /** The deployment that was left. */
  from: text,
  /** The release that was gone back to. */
  to: z.strictObject({ deploymentId: text, number: z.number().optional(), releaseHash: text }),
  /** COMPLETED, PARTIAL, FAILED or CANCELLED. */
  status: text,
  phases: z.array(z.strictObject({ phase: text, at: text })),
  startedAt: text,
  finishedAt: text,
  /** The run that did it; absent when none was begun. */
  deploymentId: text.optional(),
  /** In an emergency, what the router did before anything else: services, messages and seconds until their callers were back. */
  switched: z.looseObject({ services: z.array(text), messages: z.number(), seconds: z.number() }).optional(),
  /** How each member went. */
  members: z.array(z.looseObject({ name: text, kind: text })),
  /** What each said of itself afterwards. */
  validation: z.array(z.looseObject({ name: text, status: text, reasons: z.array(text) })),
  /** Whether messages were given up for it. */
  acceptedDivergence: z.boolean(),
  failures: z.array(z.unknown()),
  log: text.optional(),
});

export type RollbackReport = z.infer<typeof RollbackReportSchema>;

/** Where the report is, relative to the project. */
export const reportPath = (rollbackId: string): string =>
  join("build", `rollback-${rollbackId.replace(/^rollback-/, "")}.json`);

/** Writes the report, and a line of it into `build/logs/rollback_output.txt`. */
export async function writeReport(projectDir: string, report: RollbackReport): Promise<void> {
  const json = `${JSON.stringify(RollbackReportSchema.parse(report), null, 2)}\n`;
  await writeAtomically(join(projectDir, reportPath(report.rollbackId)), json);
  // Kept where no cleaning of build/ reaches it: what was tried must not be tried for ever.
  await writeAtomically(lastPath(projectDir, report), json);
  const logs = join(projectDir, "build", "logs");
  await mkdir(logs, { recursive: true });
  const line = `${report.finishedAt} ${report.rollbackId} ${report.status} ${report.from} → ${report.to.deploymentId} ${report.reason}\n`;
  await appendFile(join(logs, "rollback_output.txt"), line);
}

/** The last rollback of a stack from this machine, if any. */
export async function lastReport(
  projectDir: string,
  stack: { readonly project: string; readonly stack: string },
): Promise<RollbackReport | undefined> {
  return RollbackReportSchema.safeParse(await readJson(lastPath(projectDir, stack)).catch(() => undefined))
    .data;
}

const lastPath = (
  projectDir: string,
  { project, stack }: { readonly project: string; readonly stack: string },
) => join(projectDir, ".fleet", "rollbacks", `${project}.${stack}.json`);
