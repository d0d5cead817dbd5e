/** `node docs/schemas.ts`: writes docs/reference/schemas/*.schema.json, the JSON Schemas of the reports, from the code's own; a test compares them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ManifestSchema } from "../src/fleet/members/manifest.ts";
import { TestReportSchema } from "../src/operations/lua-tests/report.ts";
import { RollbackReportSchema } from "../src/operations/rollback/report.ts";
import { ValidationReportSchema } from "../src/operations/validate/report.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "reference", "schemas");

const REPORTS = {
  "validation-report": ["The report of fleet validate: build/validation-report.json", ValidationReportSchema],
  "rollback-report": ["The report of fleet rollback: build/rollback-<id>.json", RollbackReportSchema],
  "test-report": ["The report of fleet test --reporter json", TestReportSchema],
  "deployment-manifest": ["What is deployed: build/deployment-manifest.json", ManifestSchema],
} as const;

/** Every schema by file name. */
export function schemaFiles(): Map<string, string> {
  return new Map(
    Object.entries(REPORTS).map(([name, [title, schema]]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12" });
      return [`${name}.schema.json`, `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`];
    }),
  );
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(folder, name), text);
}
