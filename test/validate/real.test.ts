import { afterAll, beforeAll, expect, test } from "vitest";
import type { ValidationReport } from "../../src/operations/validate/report.ts";
import type { Project } from "../e2e/project.ts";
import { fleet, fleetProject } from "../rollback/fleet.ts";
import { fitsSchema } from "./schema.ts";

let project: Project;

beforeAll(async () => {
  project = await fleetProject("validated");
  project.write(
    "validation.yaml",
    `workflows:
  - name: count-and-greet
    steps:
      - { call: counter, action: ADD, data: { by: 2 }, expect: { success: true, n: 2 }, keep: { count: n } }
      - { call: counter, action: ADD, data: { by: $count }, expect: { n: 4 } }
      - { call: reader, action: GREET, expect: { greeting: hello } }
  - name: never
    steps:
      - { call: reader, action: GREET, expect: { greeting: good bye } }
`,
  );
  const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
  if (ran.code !== 0) throw new Error(ran.text);
}, 240_000);
afterAll(() => project.close());

test("real processes pass every test except the workflow that must fail", async () => {
  const words = [
    "--performance-duration",
    "3",
    "--rate",
    "3",
    "--max-average",
    "60000",
    "--max-response",
    "60000",
  ];
  const ran = await fleet(project, ["validate", ...words]);
  const report = project.json<ValidationReport>("build/validation-report.json");
  expect(report.findings.filter(({ status }) => status === "FAIL")).toEqual([
    expect.objectContaining({
      process: "fleet",
      test: "integration_workflow_never",
      detail: expect.stringMatching(/^step 1 \(reader GREET\): greeting is "hello", expected "good bye"/),
    }),
  ]);
  expect(ran.code).toBe(1);
  expect(fitsSchema(report)).toEqual([]);
  expect(report.integrationStatus).toMatchObject({
    "counter → reader": { status: "PASS" },
    "reader → counter": { status: "PASS" },
    "workflow: count-and-greet": { status: "PASS" },
  });
  expect(
    report.findings
      .filter(({ status }) => status === "SKIP")
      .map(({ test: name }) => name)
      .sort(),
  ).toEqual(["integration_peers", "performance_regression"]);
  expect(report.results).toMatchObject({
    "deployment-coordinator_security_epochs": "PASS",
    counter_security_strangers: "PASS",
    counter_security_injection: "PASS",
    fleet_security_secrets: "PASS",
    counter_configuration_PROCESS_CONFIG: "PASS",
    counter_health_capabilities: "PASS",
    counter_health_slots: "PASS",
  });
}, 180_000);

test("the start of a release is found by its action, as in the guide", async () => {
  const { stdout, code } = await fleet(project, ["query", "counter", "--action", "STARTUP", "--json"]);
  expect(code).toBe(0);
  const { messages } = JSON.parse(stdout) as { messages: { action: string; data: string }[] };
  expect(messages.length).toBeGreaterThan(0);
  expect(JSON.parse(messages[0]?.data ?? "")).toMatchObject({ name: "counter", version: "1.0.0" });
});

test("afterwards ledger, journal, releases and processes agree, and the audit names the stranger", async () => {
  const { stdout, code } = await fleet(project, ["audit", "--json"]);
  const { findings } = JSON.parse(stdout) as { findings: { level: string; code: string }[] };
  expect(findings.filter(({ level }) => level === "problem")).toEqual([]);
  expect(code).toBe(0);
  expect(findings.map(({ code: each }) => each)).toEqual(
    expect.arrayContaining(["RELEASES", "EPOCHS", "REGISTRATIONS", "MESSAGES", "STRANGERS_REFUSED"]),
  );
});
