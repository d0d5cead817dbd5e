import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../../fleet/files.ts";

/** What can be validated, in the order in which it is. */
export const VALIDATION_TYPES = [
  "configuration",
  "health",
  "integration",
  "security",
  "performance",
] as const;
export type ValidationType = (typeof VALIDATION_TYPES)[number];

const VerdictSchema = z.enum(["PASS", "FAIL", "SKIP"]);

/** One thing that was looked at. */
const FindingSchema = z.strictObject({
  /** Member's name, or `fleet` for what is about all of them. */
  process: z.string(),
  /** Upper part of the key in `results`: `health_startup`, `integration_peer_shop`. */
  test: z.string(),
  type: z.enum(VALIDATION_TYPES),
  status: VerdictSchema,
  /** What was measured, or why it failed or was left out. */
  detail: z.string(),
  /** Milliseconds that it took. */
  ms: z.number().optional(),
});
export type Finding = z.infer<typeof FindingSchema>;

/** What a load on one process measured. Times are from when a message was due until its result was read, in milliseconds. */
const PerformanceSchema = z.strictObject({
  requests: z.number().int(),
  succeeded: z.number().int(),
  failed: z.number().int(),
  /** Percent. */
  successRate: z.number(),
  /** Share from 0 to 1. */
  errorRate: z.number(),
  averageMs: z.number(),
  minMs: z.number(),
  maxMs: z.number(),
  p50Ms: z.number(),
  p95Ms: z.number(),
  p99Ms: z.number(),
  /** Requests a second that were sent. */
  requestsPerSecond: z.number(),
  /** Seconds. */
  durationSeconds: z.number(),
  /** Codes of the failures, with how often each came. */
  failures: z.record(z.string(), z.number()),
});
export type Performance = z.infer<typeof PerformanceSchema>;

/** How one edge of the fleet, or one workflow over it, was found. */
const IntegrationSchema = z.strictObject({
  status: VerdictSchema,
  detail: z.string(),
  ms: z.number().optional(),
});
export type Integration = z.infer<typeof IntegrationSchema>;

const ThresholdsSchema = z.strictObject({
  /** Percent of requests that must succeed. */
  minSuccessRate: z.number(),
  /** Highest average, in milliseconds. */
  maxAverageMs: z.number(),
  /** Highest 95th percentile, in milliseconds; none by default. */
  maxP95Ms: z.number().optional(),
  /** By how much the 95th percentile may exceed the last release's, as a factor. */
  maxRegression: z.number(),
  /** Longest answer to a health check, in milliseconds. */
  maxResponseMs: z.number(),
});
export type Thresholds = z.infer<typeof ThresholdsSchema>;

/** `build/validation-report.json`: the guide's keys first, then what was measured and why. */
export const ValidationReportSchema = z.strictObject({
  /** When it began, ISO 8601. */
  validationTimestamp: z.string(),
  /** Seconds. */
  validationDuration: z.number(),
  validationTypes: z.array(z.enum(VALIDATION_TYPES)),
  /** `<process>_<test>` to its verdict. */
  results: z.record(z.string(), VerdictSchema),
  /** By process; empty when performance was not validated. */
  performanceMetrics: z.record(z.string(), PerformanceSchema),
  /** By edge (`battle → shop`) or workflow (`workflow: name`). */
  integrationStatus: z.record(z.string(), IntegrationSchema),
  /** Nothing failed. */
  success: z.boolean(),
  /** Its time was over before everything was looked at. */
  timedOut: z.boolean(),
  project: z.string(),
  stack: z.string(),
  /** `local` or `legacy`. */
  network: z.string(),
  /** Of the release that the fleet was compared with; absent when none is known here. */
  deploymentId: z.string().optional(),
  summary: z.strictObject({ passed: z.number(), failed: z.number(), skipped: z.number() }),
  thresholds: ThresholdsSchema,
  findings: z.array(FindingSchema),
});
export type ValidationReport = z.infer<typeof ValidationReportSchema>;

/** The key of a finding in `results`. */
const keyOf = ({ process, test }: Pick<Finding, "process" | "test">): string => `${process}_${test}`;

/** What is known of a run beside its findings. */
export type Head = Omit<
  ValidationReport,
  "results" | "success" | "summary" | "findings" | "performanceMetrics" | "integrationStatus"
>;

/** Puts the report together. Pure. */
export function reportOf(
  head: Head,
  findings: readonly Finding[],
  performanceMetrics: Readonly<Record<string, Performance>>,
  integrationStatus: Readonly<Record<string, Integration>>,
): ValidationReport {
  const count = (status: Finding["status"]) => findings.filter((finding) => finding.status === status).length;
  const { validationTimestamp, validationDuration, validationTypes, ...rest } = head;
  return {
    validationTimestamp,
    validationDuration,
    validationTypes,
    results: Object.fromEntries(findings.map((finding) => [keyOf(finding), finding.status])),
    performanceMetrics: { ...performanceMetrics },
    integrationStatus: { ...integrationStatus },
    success: count("FAIL") === 0 && !head.timedOut,
    ...rest,
    summary: { passed: count("PASS"), failed: count("FAIL"), skipped: count("SKIP") },
    findings: [...findings],
  };
}

/** Where the report is, in a folder of artefacts. */
const reportPath = (build: string): string => join(build, "validation-report.json");

export async function writeReport(build: string, report: ValidationReport): Promise<string> {
  const path = reportPath(build);
  await writeAtomically(path, `${JSON.stringify(ValidationReportSchema.parse(report), null, 2)}\n`);
  return path;
}
