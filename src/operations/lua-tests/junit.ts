import { junitXml } from "../junit.ts";
import { failureText } from "./failure-text.ts";
import type { FileOutcome, TestReport } from "./report.ts";

/** The report as JUnit XML: a suite per file. A file that could not be loaded is a failed case. */
export function junitOf({ files }: TestReport, at: Date): Promise<string> {
  const timestamp = at.toISOString();
  return junitXml(
    "fleet test",
    files.map((file) => ({ name: file.file, timestamp, cases: casesOf(file) })),
  );
}

const casesOf = ({ file, tests, failure }: FileOutcome) => [
  ...(failure === undefined
    ? []
    : [{ className: file, name: "loads", ms: 0, status: "failed" as const, detail: failureText(failure) }]),
  ...tests.map(({ suites, title, ms, status, failure, printed }) => ({
    ...{ className: [file, ...suites].join(" "), name: title, ms, status },
    detail: failure === undefined ? printed?.join("\n") : failureText(failure),
  })),
];
