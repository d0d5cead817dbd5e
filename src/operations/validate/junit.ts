import type { Builder, TestCase } from "junit-report-builder";
import { type Finding, VALIDATION_TYPES, type ValidationReport } from "./report.ts";

/** The report as JUnit XML for CI systems: a suite per type, a case per test and process. */
export async function junitOf(report: ValidationReport): Promise<string> {
  // The package is a CommonJS module with the types of an ES module.
  const shared = (await import("junit-report-builder")).default as unknown as Builder;
  const builder = shared.newBuilder();
  builder.name(`${report.project}/${report.stack}`);
  for (const type of VALIDATION_TYPES) {
    const findings = report.findings.filter((finding) => finding.type === type);
    if (findings.length === 0) continue;
    const suite = builder.testSuite().name(type).timestamp(report.validationTimestamp);
    for (const finding of findings) addCase(suite.testCase(), finding);
  }
  return builder.build();
}

function addCase(test: TestCase, { process, test: name, status, detail, ms = 0 }: Finding): void {
  test
    .className(process)
    .name(name)
    .time(ms / 1000);
  if (status === "FAIL") test.failure(xml(detail));
  else if (status === "SKIP") test.skipped();
  if (status !== "FAIL") test.standardOutput(xml(detail));
}

/** Replaces characters that XML 1.0 cannot contain. */
const xml = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are replaced.
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "�");
