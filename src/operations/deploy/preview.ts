import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunRequest } from "../../fleet/session/run-request.ts";
import type { Ended, RunClock } from "./clock.ts";
import type { Engine, EngineEvent, EngineResult } from "./engine.ts";
import { type Failure, previewEnded } from "./failure.ts";
import { type Diagnostic, type PlannedStep, Progress } from "./progress.ts";
import { lockHolders } from "./pulumi-text.ts";
import { type DeployRequest, failuresIn, runEnvironment, unlessHopeless } from "./run.ts";
import { readSteps } from "./steps.ts";

/** The result of a preview. */
export interface Plan {
  readonly status: "succeeded" | "failed" | "locked" | Ended;
  readonly holders: readonly string[];
  /** Steps that change a resource, in the engine's order. */
  readonly steps: readonly PlannedStep[];
  /** Reasons that the providers give. */
  readonly notes: readonly string[];
  readonly warnings: readonly Diagnostic[];
  readonly failures: readonly Failure[];
  /** Number of resources by operation. */
  readonly changes: Readonly<Record<string, number>>;
}

/**
 * Previews a deployment. Sends nothing and changes nothing. A preview that was asked to stop did not succeed, even if it has a result.
 *
 * @param listen receives every event of the engine
 */
export async function preview(
  engine: Engine,
  request: Pick<DeployRequest, "only" | "replace" | "runRequest" | "parallel" | "refresh">,
  clock: RunClock,
  listen: (event: EngineEvent) => void = () => {},
): Promise<Plan> {
  const progress = new Progress();
  const result = await withEvents(progress, (events) => {
    const run = engine.run({
      kind: "preview",
      env: runEnvironment(request, clock, events),
      parallel: request.parallel,
      refresh: request.refresh,
      signal: clock.signal,
      onEvent(event) {
        progress.apply(event, 0);
        listen(event);
      },
    });
    return unlessHopeless(engine, run, clock);
  });
  const status = statusOf(result, clock);
  const said = (severity: Diagnostic["severity"]) =>
    progress.diagnostics.filter((diagnostic) => diagnostic.severity === severity);
  return {
    status,
    holders: lockHolders(result?.text ?? ""),
    steps: progress.steps.filter(({ op }) => !["same", "read", "refresh"].includes(op)),
    notes: [...new Set(said("info").flatMap(({ text }) => text.split("\n")))],
    warnings: said("warning"),
    failures: failuresOfPlan(status, progress, result),
    changes: progress.changes,
  };
}

function statusOf(result: EngineResult | undefined, clock: RunClock): Plan["status"] {
  if (clock.ended !== undefined) return clock.ended;
  if (result?.ok) return "succeeded";
  // The program's budget ends with the clock's, and may do so a moment before.
  if (clock.remaining() < 1) return "timeout";
  return result?.locked ? "locked" : "failed";
}

function failuresOfPlan(
  status: Plan["status"],
  progress: Progress,
  result: EngineResult | undefined,
): Failure[] {
  if (status === "succeeded") return [];
  if (status !== "timeout" && status !== "interrupted") return failuresIn(progress, result);
  return [{ problems: [previewEnded(status)] }, ...failuresIn(progress, undefined)];
}

/**
 * Runs a preview with a temporary file for its events, and adds the failures in it to the progress. Without a folder for temporary files the
 * preview runs without: pulumi's diagnostics have the same failures as text.
 */
async function withEvents<T>(
  progress: Progress,
  run: (request: Pick<RunRequest, "events">) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-preview-")).catch(() => undefined);
  if (folder === undefined) return run({});
  const events = join(folder, "events.jsonl");
  try {
    const result = await run({ events });
    await readSteps(events, { onFailure: (event) => progress.failure(event) });
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const SIGN: Readonly<Record<string, string>> = {
  create: "+",
  update: "~",
  delete: "-",
  replace: "±",
  "create-replacement": "±",
  "delete-replaced": "-",
};

/** One line for each step and for each reason. */
export function planLines(plan: Plan): string[] {
  if (plan.steps.length === 0) return ["No changes: everything runs as declared."];
  const width = Math.max(...plan.steps.map(({ op, kind }) => `${op} ${kind}`.length));
  const lines = plan.steps.map(({ op, name, kind, differs }) => {
    const fields = differs.length > 0 ? `  (${differs.join(", ")})` : "";
    return `  ${SIGN[op] ?? "*"} ${`${op} ${kind}`.padEnd(width)}  ${name}${fields}`;
  });
  return [...lines, ...(plan.notes.length > 0 ? ["", ...plan.notes.map((note) => `  ${note}`)] : [])];
}
