import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

const StepSchema = z.strictObject({
  /** The member to call. */
  call: z.string(),
  action: z.string(),
  /** Sent as JSON. A string `$name` is replaced by the value that an earlier step kept under that name. @default {} */
  data: z.record(z.string(), z.unknown()).default({}),
  /** Fields that the reply must have; other fields are ignored. @default { success: true } */
  expect: z.record(z.string(), z.unknown()).default({ success: true }),
  /** Values to keep for later steps: name → path in the reply (`items.0.price`). @default {} */
  keep: z.record(z.string(), z.string()).default({}),
});

const ValidationFileSchema = z.strictObject({
  /** What must work from end to end. @default none */
  workflows: z
    .array(
      z.strictObject({
        /** Lower-case letters, digits and hyphens; part of the key in the report. */
        name: z.string().regex(/^[a-z0-9-]+$/),
        steps: z.array(StepSchema).min(1),
      }),
    )
    .default([]),
  /** By member: actions that a rule of its program (`who = function`) opens to strangers on purpose. @default none */
  open: z.record(z.string(), z.array(z.string())).default({}),
});

/** `validation.yaml` of a project. */
type ValidationFile = z.output<typeof ValidationFileSchema>;
export type Workflow = ValidationFile["workflows"][number];

/** The project's `validation.yaml`; empty if it has none. @throws FleetError VALIDATION_FILE_INVALID */
export function validationFileIn(projectDir: string): ValidationFile {
  const path = join(projectDir, "validation.yaml");
  const parsed = ValidationFileSchema.safeParse(existsSync(path) ? read(path) : {});
  if (!parsed.success) throw invalid(path, z.prettifyError(parsed.error));
  return parsed.data;
}

function read(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(path, error instanceof Error ? error.message : String(error));
  }
}

const invalid = (at: string, got: string): FleetError =>
  new FleetError({
    code: "VALIDATION_FILE_INVALID",
    what: "Invalid validation.yaml.",
    at,
    got,
    expected:
      "workflows: [{ name, steps: [{ call, action, data, expect, keep }] }], open: { member: [action] }",
    remedy: "Fix the file; docs/how-to/validate.md describes it.",
  });
