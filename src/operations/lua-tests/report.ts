import { z } from "zod";

const FailureSchema = z.strictObject({
  message: z.string(),
  /** Relative to the project. */
  file: z.string().optional(),
  line: z.number().int().optional(),
  /** The line of the source. */
  source: z.string().optional(),
  expected: z.string().optional(),
  got: z.string().optional(),
});
export type Failure = z.infer<typeof FailureSchema>;

const TestSchema = z.strictObject({
  /** Titles of the `describe` around it, the outermost first. */
  suites: z.array(z.string()),
  title: z.string(),
  line: z.number().int().optional(),
  status: z.enum(["passed", "failed"]),
  ms: z.number(),
  failure: FailureSchema.optional(),
  /** What it printed. */
  printed: z.array(z.string()).optional(),
});
export type TestOutcome = z.infer<typeof TestSchema>;

const FileSchema = z.strictObject({
  /** Relative to the project. */
  file: z.string(),
  tests: z.array(TestSchema),
  /** Why the file has no tests: it could not be bundled or loaded. */
  failure: FailureSchema.optional(),
});
export type FileOutcome = z.infer<typeof FileSchema>;

const CoverageSchema = z.strictObject({
  files: z.array(
    z.strictObject({
      file: z.string(),
      lines: z.number().int(),
      covered: z.number().int(),
      missing: z.array(z.number().int()),
    }),
  ),
  lines: z.number().int(),
  covered: z.number().int(),
});

/** The report of `fleet test`. */
export const TestReportSchema = z.strictObject({
  success: z.boolean(),
  passed: z.number().int(),
  /** Failed tests, and files that could not be loaded. */
  failed: z.number().int(),
  ms: z.number(),
  files: z.array(FileSchema),
  coverage: CoverageSchema.optional(),
});
export type TestReport = z.infer<typeof TestReportSchema>;

/** A report of these files. Pure. */
export function reportOf(
  files: readonly FileOutcome[],
  ms: number,
  coverage?: TestReport["coverage"],
): TestReport {
  const tests = files.flatMap((file) => file.tests);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.length - passed + files.filter(({ failure }) => failure !== undefined).length;
  return {
    ...{ success: failed === 0, passed, failed, ms: Math.round(ms), files: [...files] },
    ...(coverage === undefined ? {} : { coverage }),
  };
}
