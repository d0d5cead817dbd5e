/**
 * `node docs/schemas.ts`: writes the JSON Schemas of reports (docs/reference/schemas/*.schema.json) and of what commands print with `--json`
 * (docs/reference/schemas/commands/), from the code's own; a test compares them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ManifestSchema } from "../src/fleet/members/manifest.ts";
import { TestReportSchema } from "../src/operations/lua-tests/report.ts";
import { RollbackReportSchema } from "../src/operations/rollback/report.ts";
import { ValidationReportSchema } from "../src/operations/validate/report.ts";
import { changing } from "./documents/changing.ts";
import { groups } from "./documents/groups.ts";
import { Failed } from "./documents/parts.ts";
import { reading } from "./documents/reading.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "reference", "schemas");

const REPORTS = {
  "validation-report": ["The report of fleet validate: build/validation-report.json", ValidationReportSchema],
  "rollback-report": ["The report of fleet rollback: build/rollback-<id>.json", RollbackReportSchema],
  "test-report": ["The report of fleet test --reporter json", TestReportSchema],
  "deployment-manifest": ["What is deployed: build/deployment-manifest.json", ManifestSchema],
} as const;

/** Command, such as `config show` → the schema of its documents without those of errors. */
const DOCUMENTS: Readonly<Record<string, z.ZodType>> = { ...reading, ...changing, ...groups };

/** Commands whose documents have a schema. */
export const DOCUMENTED: readonly string[] = Object.keys(DOCUMENTS);

/** The file of a command's schema in the folder. */
export const documentFile = (command: string): string => `commands/${command.replace(" ", "-")}.schema.json`;

/**
 * The JSON Schema of what a command prints with `--json`.
 *
 * @param isOpen whether it allows fields that it does not name: later versions may add some. The tests allow none.
 */
export function documentSchema(command: string, isOpen: boolean): object {
  const schema = DOCUMENTS[command];
  if (schema === undefined) throw new Error(`docs/documents has no schema for fleet ${command}`);
  const { $schema, ...rest } = z.toJSONSchema(z.union([schema, Failed]), {
    target: "draft-2020-12",
    reused: "ref",
    override({ jsonSchema }) {
      if (isOpen && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return { $schema, title: `What fleet ${command} --json prints`, ...rest };
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** Every schema by its path in the folder. */
export function schemaFiles(): Map<string, string> {
  const reports = Object.entries(REPORTS).map(([name, [title, schema]]): [string, string] => {
    const { $schema, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12" });
    return [`${name}.schema.json`, json({ $schema, title, ...rest })];
  });
  const documents = DOCUMENTED.map((command): [string, string] => [
    documentFile(command),
    json(documentSchema(command, true)),
  ]);
  return new Map([...reports, ...documents]);
}

if (import.meta.main) {
  mkdirSync(join(folder, "commands"), { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(folder, name), text);
}
