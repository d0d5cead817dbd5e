/** JUnit XML, which CI systems read. */
import type { Builder } from "junit-report-builder";
import { printableLines } from "../core/printable.ts";
import { redactText } from "../core/redact.ts";

interface JunitCase {
  readonly className: string;
  readonly name: string;
  readonly ms: number;
  readonly status: "passed" | "failed" | "skipped";
  /** The failure, or what a test that did not fail says. @default none */
  readonly detail?: string | undefined;
}

interface JunitSuite {
  readonly name: string;
  readonly timestamp: string;
  readonly cases: readonly JunitCase[];
}

/** A report of suites as XML. */
export async function junitXml(name: string, suites: readonly JunitSuite[]): Promise<string> {
  // The package is a CommonJS module with the types of an ES module.
  const shared = (await import("junit-report-builder")).default as unknown as Builder;
  const builder = shared.newBuilder();
  builder.name(name);
  for (const { name, timestamp, cases } of suites) {
    const suite = builder.testSuite().name(xml(name)).timestamp(timestamp);
    for (const { className, name, ms, status, detail } of cases) {
      const test = suite
        .testCase()
        .className(xml(className))
        .name(xml(name))
        .time(ms / 1000);
      if (status === "failed") test.failure(xml(detail ?? ""));
      else if (status === "skipped") test.skipped();
      if (status !== "failed" && detail !== undefined) test.standardOutput(xml(detail));
    }
  }
  return builder.build();
}

/** Text without secrets, of which CI systems show every line as it is, and without what XML 1.0 cannot contain. */
const xml = (text: string): string =>
  printableLines(redactText(text))
    .join("\n")
    .replace(/[\ufffe\uffff]/g, "�");
