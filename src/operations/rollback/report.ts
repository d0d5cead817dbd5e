import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { printable } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import { reportJson } from "../../core/report-json.ts";
import { readJson, writeAtomically } from "../../fleet/files.ts";

const text = z.string();

/** `build/rollback-<id>.json`: the plan, the run and the validation of a rollback. */
export const RollbackReportSchema = z.looseObject({
  /** `rollback-<time>-<random>`. */
  rollbackId: text,
  /** The ledger's id of the rollback; absent without a ledger. */
  requestId: text.optional(),
  project: text,
  stack: text,
  /** DEPLOYMENT, STATE or EMERGENCY. */
  rollbackType: text,
  reason: text,
  /** Whether a failed deployment started it. */
  automatic: z.boolean(),
  /** The deployment that was rolled back. */
  from: text,
  /** The release that was restored. */
  to: z.strictObject({ deploymentId: text, number: z.number().optional(), releaseHash: text }),
  /** COMPLETED, PARTIAL, FAILED or CANCELLED. */
  status: text,
  phases: z.array(z.strictObject({ phase: text, at: text })),
  startedAt: text,
  finishedAt: text,
  /** The deployment id of the run; absent if none was started. */
  deploymentId: text.optional(),
  /** In an emergency, what the router switched before the run: services, number of messages, and seconds until callers were back. */
  switched: z.looseObject({ services: z.array(text), messages: z.number(), seconds: z.number() }).optional(),
  /** What was done with each member. */
  members: z.array(z.looseObject({ name: text, kind: text })),
  /** The health of each member afterwards. */
  validation: z.array(z.looseObject({ name: text, status: text, reasons: z.array(text) })),
  /** Whether --accept-divergence was given: the rollback may lose messages. */
  acceptedDivergence: z.boolean(),
  /** State that could not be saved before the code was changed. @default none, in reports of earlier versions */
  unsaved: z.array(z.looseObject({ name: text, code: text, text })).optional(),
  failures: z.array(z.unknown()),
  log: text.optional(),
});

export type RollbackReport = z.infer<typeof RollbackReportSchema>;

/** Where the report is, relative to the project. */
export const reportPath = (rollbackId: string): string =>
  join("build", `rollback-${rollbackId.replace(/^rollback-/, "")}.json`);

/** Writes the report, and a line of it into `build/logs/rollback_output.txt`. */
export async function writeReport(projectDir: string, report: RollbackReport): Promise<void> {
  const json = reportJson(RollbackReportSchema.parse(report));
  await writeAtomically(join(projectDir, reportPath(report.rollbackId)), json);
  // A copy outside build/ survives a clean-up: an automatic rollback that failed must not be tried again.
  await writeAtomically(lastPath(projectDir, report), json);
  const logs = join(projectDir, "build", "logs");
  await mkdir(logs, { recursive: true });
  const line = `${report.finishedAt} ${report.rollbackId} ${report.status} ${report.from} → ${report.to.deploymentId} ${report.reason}`;
  await appendFile(join(logs, "rollback_output.txt"), `${printable(redactText(line))}\n`);
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
