import type { Builder, TestCase } from "junit-report-builder";
import { printableLines } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
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
    .className(xml(process))
    .name(xml(name))
    .time(ms / 1000);
  if (status === "FAIL") test.failure(xml(detail));
  else if (status === "SKIP") test.skipped();
  if (status !== "FAIL") test.standardOutput(xml(detail));
}

/** Text without secrets, of which CI systems show every line as it is, and without what XML 1.0 cannot contain. */
const xml = (text: string): string =>
  printableLines(redactText(text))
    .join("\n")
    .replace(/[\ufffe\uffff]/g, "�");
