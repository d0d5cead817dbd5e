import { junitXml } from "../junit.ts";
import { type Finding, VALIDATION_TYPES, type ValidationReport } from "./report.ts";

const STATUS = { PASS: "passed", FAIL: "failed", SKIP: "skipped" } as const;

/** The report as JUnit XML for CI systems: a suite per type, a case per test and process. */
export function junitOf({
  project,
  stack,
  findings,
  validationTimestamp: timestamp,
}: ValidationReport): Promise<string> {
  const suites = VALIDATION_TYPES.map((type) => ({
    name: type,
    timestamp,
    cases: findings.filter((finding) => finding.type === type).map(caseOf),
  }));
  return junitXml(
    `${project}/${stack}`,
    suites.filter(({ cases }) => cases.length > 0),
  );
}

const caseOf = ({ process, test, status, detail, ms = 0 }: Finding) => ({
  className: process,
  name: test,
  ms,
  status: STATUS[status],
  detail,
});
