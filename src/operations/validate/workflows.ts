import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError } from "../../core/errors.ts";
import { numberOf, parseJson } from "../../core/json.ts";
import { pickMember } from "../../fleet/members/known.ts";
import { call } from "../../fleet/protocol/call.ts";
import type { Integration } from "./report.ts";
import { patienceOf, type Subject, wordsOf } from "./subject.ts";

const StepSchema = z.strictObject({
  /** Member that is called. */
  call: z.string(),
  action: z.string(),
  /** Sent as JSON. A text `$name` is replaced by what an earlier step kept under that name. @default {} */
  data: z.record(z.string(), z.unknown()).default({}),
  /** What must be in the reply; members that are not named may be anything. @default { success: true } */
  expect: z.record(z.string(), z.unknown()).default({ success: true }),
  /** Name to a path in the reply (`items.0.price`), for later steps. */
  keep: z.record(z.string(), z.string()).default({}),
});

/** `validation.yaml` of a project: the workflows that a validation runs over the whole fleet. */
const WorkflowFileSchema = z.strictObject({
  workflows: z.array(
    z.strictObject({
      /** Of small letters, digits and hyphens; part of the report's key. */
      name: z.string().regex(/^[a-z0-9-]+$/),
      steps: z.array(StepSchema).min(1),
    }),
  ),
});
type Workflow = z.output<typeof WorkflowFileSchema>["workflows"][number];

/** The workflows of the project that have to do with the members looked at. @throws FleetError VALIDATION_FILE_INVALID */
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
    what: "validation.yaml is not a list of workflows.",
    at,
    got,
    expected: "workflows: [{ name, steps: [{ call, action, data, expect, keep }] }]",
    remedy: "Mend the file; docs/how-to/validate.md describes it.",
  });

/** Runs the steps in their order, as the stack's wallet. The first that does not answer as expected ends it. */
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
        seconds: Math.max(1, patienceOf(subject).remaining() / 1000),
        wait: true,
      });
      const text = reply.error ?? reply.data;
      const data = jsonOf(text);
      const odd = difference(step.expect, data, "");
      if (reply.error !== undefined || odd !== undefined)
        return {
          status: "FAIL",
          detail: `${where}: ${odd ?? "it failed"}; got ${text.slice(0, 200)}`,
          ms: took(),
        };
      for (const [name, path] of Object.entries(step.keep)) kept.set(name, at(data, path));
    } catch (error) {
      return { status: "FAIL", detail: `${where}: ${wordsOf(error)}`, ms: took() };
    }
  }
  return { status: "PASS", detail: `${amount(steps.length, "step")} in ${took()} ms`, ms: took() };
}

/** What of an expectation is not so, in words; undefined when all is. Pure. */
function difference(expected: unknown, got: unknown, path: string): string | undefined {
  // The file's own numbers are doubles: a reply is compared as far as they go.
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

/** Data with `$name` texts replaced by what was kept. Pure. */
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

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
