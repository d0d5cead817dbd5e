import { amount } from "../../core/amount.ts";
import { exactJsonIn, numberOf } from "../../core/json.ts";
import { startOf } from "../../core/unicode.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { call } from "../../fleet/protocol/call.ts";
import type { Integration } from "./report.ts";
import { answerBudget, describeError, type Subject } from "./subject.ts";
import { validationFileIn, type Workflow } from "./validation-file.ts";

/** The project's workflows that call any of the selected members. @throws FleetError VALIDATION_FILE_INVALID */
export function workflowsOf({ projectDir, members }: Subject): Workflow[] {
  const names = new Set(members.map(({ name }) => name));
  return validationFileIn(projectDir).workflows.filter(({ steps }) =>
    steps.some((step) => names.has(step.call)),
  );
}

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
          detail: `${where}: ${odd ?? "it failed"}; got ${startOf(text, 200)}`,
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
  value === undefined ? "nothing" : startOf(JSON.stringify(value), 80);
