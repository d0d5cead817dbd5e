import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError } from "../../core/errors.ts";
import { exactJsonIn, numberOf } from "../../core/json.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { call } from "../../fleet/protocol/call.ts";
import type { Integration } from "./report.ts";
import { answerBudget, describeError, type Subject } from "./subject.ts";

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

/** `validation.yaml` of a project: the workflows that a validation runs. */
const WorkflowFileSchema = z.strictObject({
  workflows: z.array(
    z.strictObject({
      /** Lower-case letters, digits and hyphens; part of the key in the report. */
      name: z.string().regex(/^[a-z0-9-]+$/),
      steps: z.array(StepSchema).min(1),
    }),
  ),
});
type Workflow = z.output<typeof WorkflowFileSchema>["workflows"][number];

/** The project's workflows that call any of the selected members. @throws FleetError VALIDATION_FILE_INVALID */
export async function workflowsOf({ projectDir, members }: Subject): Promise<Workflow[]> {
  const path = join(projectDir, "validation.yaml");
  if (!existsSync(path)) return [];
  const parsed = WorkflowFileSchema.safeParse(read(path));
  if (!parsed.success) throw invalid(path, z.prettifyError(parsed.error));
  const names = new Set(members.map(({ name }) => name));
  return parsed.data.workflows.filter(({ steps }) => steps.some((step) => names.has(step.call)));
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
    expected: "workflows: [{ name, steps: [{ call, action, data, expect, keep }] }]",
    remedy: "Fix the file; docs/how-to/validate.md describes it.",
  });

/** Runs the steps in order, signed by the stack's wallet. Stops at the first unexpected reply. */
export async function runWorkflow(subject: Subject, { steps }: Workflow): Promise<Integration> {
  const started = performance.now();
  const kept = new Map<string, unknown>();
  const took = () => Math.round(performance.now() - started);
  for (const [index, step] of steps.entries()) {
    const where = `step ${index + 1} (${step.call} ${step.action})`;
    try {
      const reply = await call(subject.fleet, {
        member: pickMember(subject.fleet, step.call),
        action: step.action,
        data: JSON.stringify(filled(step.data, kept)),
        tags: { "Content-Type": "application/json" },
        seconds: Math.max(1, answerBudget(subject).remaining() / 1000),
        wait: true,
      });
      const text = reply.error ?? reply.data;
      const data = exactJsonIn(text);
      const odd = difference(step.expect, data, "");
      if (reply.error !== undefined || odd !== undefined)
        return {
          status: "FAIL",
          detail: `${where}: ${odd ?? "it failed"}; got ${text.slice(0, 200)}`,
          ms: took(),
        };
      for (const [name, path] of Object.entries(step.keep)) kept.set(name, at(data, path));
    } catch (error) {
      return { status: "FAIL", detail: `${where}: ${describeError(error)}`, ms: took() };
    }
  }
  return { status: "PASS", detail: `${amount(steps.length, "step")} in ${took()} ms`, ms: took() };
}

/** The first difference from an expectation, as text; undefined if there is none. Pure. */
function difference(expected: unknown, got: unknown, path: string): string | undefined {
  // YAML numbers are doubles: compare with their precision.
  if (typeof expected === "number" && numberOf(got) === expected) return undefined;
  if (typeof expected === "object" && expected !== null) {
    if (typeof got !== "object" || got === null) return `${path || "the reply"} is ${show(got)}`;
    for (const [key, value] of Object.entries(expected)) {
      const inner = path === "" ? key : `${path}.${key}`;
      const odd = difference(value, (got as Record<string, unknown>)[key], inner);
      if (odd !== undefined) return odd;
    }
    return undefined;
  }
  return expected === got ? undefined : `${path || "the reply"} is ${show(got)}, expected ${show(expected)}`;
}

/** Data with `$name` strings replaced by kept values. Pure. */
function filled(data: unknown, kept: ReadonlyMap<string, unknown>): unknown {
  if (typeof data === "string" && data.startsWith("$") && kept.has(data.slice(1)))
    return kept.get(data.slice(1));
  if (Array.isArray(data)) return data.map((item) => filled(item, kept));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, filled(value, kept)]));
}

function at(data: unknown, path: string): unknown {
  let value = data;
  for (const key of path.split("."))
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}

const show = (value: unknown): string =>
  value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
