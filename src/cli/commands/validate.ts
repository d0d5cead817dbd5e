import { isAbsolute, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { brief } from "../../core/brief.ts";
import { budgetOf } from "../../core/budget.ts";
import { UsageError } from "../../core/usage-error.ts";
import { writeAtomically } from "../../fleet/files.ts";
import { readRelease } from "../../fleet/releases/document.ts";
import { membersNamed } from "../../operations/members-named.ts";
import { junitOf } from "../../operations/validate/junit.ts";
import { logFindings } from "../../operations/validate/logs.ts";
import {
  type Finding,
  VALIDATION_TYPES,
  type ValidationReport,
  type ValidationType,
  writeReport,
} from "../../operations/validate/report.ts";
import { runValidation } from "../../operations/validate/run.ts";
import { validateSecrets } from "../../operations/validate/secrets.ts";
import { type Cli, type Context, count, defineCommand, names, positive, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({
  types: z.array(z.string()).default([...VALIDATION_TYPES]),
  process: z.array(z.string()).default([]),
  timeout: z.number(),
  performanceDuration: z.number(),
  rate: z.number(),
  answerTimeout: z.number(),
  minSuccess: z.number(),
  maxAverage: z.number(),
  maxP95: z.number().optional(),
  maxRegression: z.number(),
  maxResponse: z.number(),
  healthRetries: z.number(),
  retryDelay: z.number(),
  junit: z.string(),
});

export function validateCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "validate",
    summary: "validate the running fleet: health, integration, performance, security, configuration",
    description:
      "Tests the running fleet by signed messages: all kinds of health checks, a call of every declared peer, a load test against " +
      "thresholds and the last release, attacks that must be refused, settings and code against the declaration. Writes " +
      "build/validation-report.json and a JUnit report. Exit code 1 if a test failed, 124 if the time limit was reached.",
    examples: [
      ["npx fleet validate", "everything"],
      ["npx fleet validate --types health,integration", "two types"],
      ["npx fleet validate --types performance --performance-duration 300", "five minutes of load"],
      ["npx fleet validate --process battle --types security", "one member"],
    ],
    define(command) {
      command
        .option("--types <types>", `one or more of ${VALIDATION_TYPES.join(", ")} (default: all)`, names)
        .option("-p, --process <names>", "members to validate (default: all)", names)
        .option("--timeout <seconds>", "time limit for the whole validation", seconds, 900)
        .option("--performance-duration <seconds>", "duration of the load", seconds, 60)
        .option("--rate <number>", "messages per second of the load, over all members together", positive, 5)
        .option("--answer-timeout <seconds>", "time limit for one answer", seconds, 30)
        .option("--min-success <percent>", "minimum percentage of successful requests", positive, 95)
        .option("--max-average <ms>", "maximum average time", positive, 1000)
        .option("--max-p95 <ms>", "maximum 95th percentile (default: no limit)", positive)
        .option(
          "--max-regression <factor>",
          "maximum ratio of the p95 to that of the last release",
          positive,
          1.5,
        )
        .option("--max-response <ms>", "maximum response time of a health check", positive, 5000)
        .option("--health-retries <number>", "how often to retry failed health checks", count(0), 3)
        .option("--retry-delay <seconds>", "pause between two retries", seconds, 10)
        .option("--junit <file>", "path of the JUnit report", join("build", "validation-report.xml"));
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: z.output<typeof Options>): Promise<ExitCode> {
  const types = typesOf(options.types);
  const workspace = await context.workspace();
  const stack = await context.stack();
  const fleet = await context.fleet({ journal: "discard" });
  const members = membersNamed(fleet, options.process, true);
  const { scope } = fleet.session;
  const at = new Date().toISOString();
  const subject = {
    fleet,
    members,
    release: await readRelease(scope, "current"),
    budget: budgetOf(options.timeout),
    thresholds: {
      minSuccessRate: options.minSuccess,
      maxAverageMs: options.maxAverage,
      ...(options.maxP95 === undefined ? {} : { maxP95Ms: options.maxP95 }),
      maxRegression: options.maxRegression,
      maxResponseMs: options.maxResponse,
    },
    performanceSeconds: options.performanceDuration,
    rate: options.rate,
    patience: options.answerTimeout,
    retries: { most: options.healthRetries, seconds: options.retryDelay },
    history: await context.host.history(fleet, options.answerTimeout),
    projectDir: context.projectDir,
    note: (line: string) => context.out.note(line),
  };
  const report = await runValidation(subject, {
    types,
    secrets: (findings) => validateSecrets(workspace, stack, findings),
    async onFound(type, findings) {
      const failed = findings.filter(({ status }) => status === "FAIL").length;
      context.out.note(`${type}: ${findings.length - failed} of ${findings.length} passed`);
      await logFindings(scope.build, at, findings);
    },
  });
  const path = await writeReport(scope.build, report);
  const junit = isAbsolute(options.junit) ? options.junit : resolve(context.projectDir, options.junit);
  await writeAtomically(junit, await junitOf(report));
  print(context, report, [path, junit]);
  context.out.document(report);
  if (report.timedOut) return EXIT.timeout;
  return report.success ? EXIT.ok : EXIT.failed;
}

/** @throws UsageError TYPE_UNKNOWN */
function typesOf(given: readonly string[]): ValidationType[] {
  const known: readonly string[] = VALIDATION_TYPES;
  const unknown = given.filter((type) => !known.includes(type));
  if (unknown.length === 0 && given.length > 0) return given as ValidationType[];
  throw new UsageError({
    code: "TYPE_UNKNOWN",
    what: `Unknown validation type: ${unknown.join(", ") || '""'}.`,
    got: given.join(", "),
    expected: VALIDATION_TYPES.join(", "),
    remedy: "Fix the name, or leave out --types to run all of them.",
  });
}

const COLOURS = { PASS: "green", FAIL: "red", SKIP: "yellow" } as const;

function print({ out, projectDir }: Context, report: ValidationReport, files: readonly string[]): void {
  const shown = out.verbose ? report.findings : report.findings.filter(({ status }) => status !== "PASS");
  const row = ({ status, process, test, detail }: Finding) => [
    out.style(COLOURS[status], status),
    process,
    test,
    brief(detail, 160),
  ];
  for (const line of shown.length === 0 ? [] : table(["", "process", "test", "detail"], shown.map(row)))
    out.line(line);
  for (const [name, { averageMs, p95Ms, p99Ms, successRate }] of Object.entries(report.performanceMetrics))
    out.line(`${name}: ${averageMs} ms on average, p95 ${p95Ms}, p99 ${p99Ms}, ${successRate} % succeeded`);
  const { passed, failed, skipped } = report.summary;
  const end = report.timedOut ? "; the time limit was reached" : "";
  out.line(`${passed} passed, ${failed} failed, ${skipped} skipped in ${report.validationDuration} s${end}`);
  for (const file of files) out.note(`written: ${relative(projectDir, file) || file}`);
}
