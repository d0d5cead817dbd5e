import { join } from "node:path";
import { z } from "zod";
import { reportJson } from "../../core/report-json.ts";
import { writeAtomically } from "../../fleet/files.ts";

/** The types of validation, in the order in which they run. */
export const VALIDATION_TYPES = [
  "configuration",
  "health",
  "integration",
  "security",
  "performance",
] as const;
export type ValidationType = (typeof VALIDATION_TYPES)[number];

const VerdictSchema = z.enum(["PASS", "FAIL", "SKIP"]);

/** The result of one test. */
const FindingSchema = z.strictObject({
  /** The member's name, or `fleet` for a test of the whole fleet. */
  process: z.string(),
  /** The second part of the key in `results`: `health_startup`, `integration_peer_shop`. */
  test: z.string(),
  type: z.enum(VALIDATION_TYPES),
  status: VerdictSchema,
  /** What was measured, or why the test failed or was skipped. */
  detail: z.string(),
  /** Duration in milliseconds. */
  ms: z.number().optional(),
});
export type Finding = z.infer<typeof FindingSchema>;

/** The figures of a load on one process. Times run from when a message was due until its result was read, in milliseconds. */
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
  /** Requests sent per second. */
  requestsPerSecond: z.number(),
  /** Duration of the load in seconds. */
  durationSeconds: z.number(),
  /** Number of failures by code. */
  failures: z.record(z.string(), z.number()),
});
export type Performance = z.infer<typeof PerformanceSchema>;

/** The result of one edge of the fleet, or of one workflow. */
const IntegrationSchema = z.strictObject({
  status: VerdictSchema,
  detail: z.string(),
  ms: z.number().optional(),
});
export type Integration = z.infer<typeof IntegrationSchema>;

const ThresholdsSchema = z.strictObject({
  /** Minimum percentage of successful requests. */
  minSuccessRate: z.number(),
  /** Maximum average in milliseconds. */
  maxAverageMs: z.number(),
  /** Maximum 95th percentile in milliseconds; no limit by default. */
  maxP95Ms: z.number().optional(),
  /** Maximum ratio of the 95th percentile to that of the last release. */
  maxRegression: z.number(),
  /** Maximum response time of a health check in milliseconds. */
  maxResponseMs: z.number(),
});
export type Thresholds = z.infer<typeof ThresholdsSchema>;

/** `build/validation-report.json`: the guide's keys first, then further details. */
export const ValidationReportSchema = z.strictObject({
  /** Start of the validation, ISO 8601. */
  validationTimestamp: z.string(),
  /** Duration of the validation in seconds. */
  validationDuration: z.number(),
  validationTypes: z.array(z.enum(VALIDATION_TYPES)),
  /** Verdicts by `<process>_<test>`. */
  results: z.record(z.string(), VerdictSchema),
  /** Figures by process; empty if performance was not validated. */
  performanceMetrics: z.record(z.string(), PerformanceSchema),
  /** Results by edge (`battle → shop`) or workflow (`workflow: name`). */
  integrationStatus: z.record(z.string(), IntegrationSchema),
  /** Whether nothing failed and the time limit was kept. */
  success: z.boolean(),
  /** Whether the time limit was reached before all tests ran. */
  timedOut: z.boolean(),
  project: z.string(),
  stack: z.string(),
  /** Kind of the network: `local`, `legacy` or `mainnet`. */
  network: z.string(),
  /** Deployment id of the release that the fleet was compared with; absent if this machine has none. */
  deploymentId: z.string().optional(),
  summary: z.strictObject({ passed: z.number(), failed: z.number(), skipped: z.number() }),
  thresholds: ThresholdsSchema,
  findings: z.array(FindingSchema),
});
export type ValidationReport = z.infer<typeof ValidationReportSchema>;

/** The key of a finding in `results`. */
const keyOf = ({ process, test }: Pick<Finding, "process" | "test">): string => `${process}_${test}`;

/** The report without what is derived from the findings. */
export type Head = Omit<
  ValidationReport,
  "results" | "success" | "summary" | "findings" | "performanceMetrics" | "integrationStatus"
>;

/** Builds the report. Pure. */
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

/** Path of the report in a folder of artifacts. */
const reportPath = (build: string): string => join(build, "validation-report.json");

/** Writes the report and returns its path. */
export async function writeReport(build: string, report: ValidationReport): Promise<string> {
  const path = reportPath(build);
  await writeAtomically(path, reportJson(ValidationReportSchema.parse(report)));
  return path;
}
