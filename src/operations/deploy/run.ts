import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { printableLines } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import { newId } from "../../core/stamp.ts";
import { logName, type StepEvent } from "../../fleet/session/progress.ts";
import { type RunRequest, runVariables } from "../../fleet/session/run-request.ts";
import { rotateLogs } from "../cleanup/rotate.ts";
import type { RunClock } from "./clock.ts";
import type { Engine, EngineEvent, EngineResult } from "./engine.ts";
import {
  engineKilled,
  type Failure,
  failuresOf,
  isOccupied,
  isTransient,
  isWaiting,
  parseProblems,
} from "./failure.ts";
import { Progress } from "./progress.ts";
import { lastOutput, lockHolders } from "./pulumi-text.ts";
import { followSteps } from "./steps.ts";

/** The options of a deployment. */
export interface DeployRequest {
  readonly projectDir: string;
  /** Members to deploy; all when empty. */
  readonly only: readonly string[];
  /** How often a run that failed for transient reasons is repeated. */
  readonly retries: number;
  /** The most resource operations at a time. */
  readonly parallel: number;
  /** Reads every resource back first. */
  readonly refresh: boolean;
  /** Members that get a new process if theirs is ruined; its state is lost. @default none */
  readonly replace?: readonly string[];
  /** Takes the fleet over from another operator's run that the ledger considers alive. @default false */
  readonly takeOver?: boolean;
  /** Changes code even if the state could not be saved first. @default false */
  readonly withoutBackup?: boolean;
  /** Further variables for the program and the providers. @default none */
  readonly runRequest?: RunRequest;
}

/** How a deployment ended. */
export type DeployStatus =
  | "succeeded"
  | "failed"
  | "held"
  /** Another run holds the stack's lock on this backend. */
  | "locked"
  /** Another operator, with another state, is deploying the same fleet. */
  | "occupied"
  | "timeout"
  | "interrupted";

/** The result of a deployment, after its last attempt. */
export interface DeployOutcome {
  readonly status: DeployStatus;
  readonly deploymentId: string;
  readonly attempts: number;
  readonly seconds: number;
  readonly progress: Progress;
  readonly failures: readonly Failure[];
  /** Members with unfinished steps when the run was stopped. */
  readonly busy: ReturnType<Progress["busy"]>;
  /** Who holds the stack's lock. */
  readonly holders: readonly string[];
  /** Path of the log, relative to the project. */
  readonly log: string;
}

/** Receives the progress of one attempt; each attempt gets a new one. */
export interface Watcher {
  engine(event: EngineEvent): void;
  step(event: StepEvent): void;
  note(text: string): void;
  close(): void;
}

/**
 * Runs `up` until it succeeds, fails for a reason that is not transient, or runs out of retries or time.
 *
 * @param pause waits for a number of seconds between two attempts
 */
export async function deploy(
  engine: Engine,
  request: DeployRequest,
  clock: RunClock,
  watch: (progress: Progress, deploymentId: string) => Watcher,
  pause: (seconds: number) => Promise<void>,
): Promise<DeployOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await runOnce(engine, request, clock, watch, attempt);
    const again =
      (outcome.status === "failed" || outcome.status === "occupied") &&
      attempt <= request.retries &&
      isTransient(outcome.failures, outcome.progress.stepFailures);
    const wait = Math.min(2 ** attempt, 30);
    if (!again || clock.ended !== undefined || clock.remaining() <= wait) return outcome;
    const codes = [...new Set(outcome.failures.flatMap(({ problems }) => problems.map(({ code }) => code)))];
    const watcher = watch(new Progress(), outcome.deploymentId);
    watcher.note(`failed for a transient reason (${codes.join(", ")}); attempt ${attempt + 1} in ${wait} s`);
    watcher.close();
    await Promise.race([pause(wait), clock.whenEnded]);
    if (clock.ended !== undefined) return outcome;
  }
}

async function runOnce(
  engine: Engine,
  request: DeployRequest,
  clock: RunClock,
  watch: (progress: Progress, deploymentId: string) => Watcher,
  attempt: number,
): Promise<DeployOutcome> {
  const deploymentId = newId("deploy", new Date());
  const logs = join(request.projectDir, "build", "logs");
  const log = join("build", "logs", logName(deploymentId));
  await mkdir(logs, { recursive: true });
  await rotateLogs(logs);
  const progress = new Progress();
  const watcher = watch(progress, deploymentId);
  const events = join(logs, `events-${deploymentId}.jsonl`);
  const steps = followSteps(events, {
    onStep(event) {
      progress.step(event, performance.now());
      watcher.step(event);
    },
    onFailure: (event) => progress.failure(event),
  });
  let result: EngineResult | undefined;
  let busy: ReturnType<Progress["busy"]> = [];
  const noteBusy = () => {
    busy = progress.busy();
  };
  clock.signal.addEventListener("abort", noteBusy, { once: true });
  try {
    const run = engine.run({
      kind: "up",
      env: runEnvironment(request, clock, {
        ...(request.takeOver ? { takeOver: true } : {}),
        ...(request.withoutBackup ? { withoutBackup: true } : {}),
        deploymentId,
        events,
      }),
      parallel: request.parallel,
      refresh: request.refresh,
      signal: clock.signal,
      onEvent(event) {
        progress.apply(event, performance.now());
        watcher.engine(event);
      },
    });
    result = await unlessHopeless(engine, run, clock);
  } finally {
    clock.signal.removeEventListener("abort", noteBusy);
    await steps.stop();
    watcher.close();
  }
  if (result)
    await appendFile(
      join(request.projectDir, log),
      `\n${printableLines(redactText(result.text.trim())).join("\n")}\n`,
    );
  const failures = failuresIn(progress, clock.ended === undefined ? result : undefined);
  return {
    status: statusOf(result, failures, clock),
    deploymentId,
    attempts: attempt,
    seconds: Math.round(clock.seconds() * 10) / 10,
    progress,
    failures,
    busy,
    holders: lockHolders(result?.text ?? ""),
    log,
  };
}

/** The result of a run of the engine; undefined if pulumi ignored every request to stop, and was killed. */
export async function unlessHopeless(
  engine: Engine,
  run: Promise<EngineResult>,
  clock: Pick<RunClock, "hopeless">,
): Promise<EngineResult | undefined> {
  const killed = clock.hopeless.then(() => {
    engine.kill?.();
    return undefined;
  });
  return Promise.race([run, killed]);
}

/**
 * The failures of a run. A pulumi that was killed comes first. If the engine reported nothing (a wrong passphrase, a broken project file),
 * the errors in pulumi's output, or its last lines.
 */
export function failuresIn(progress: Progress, result: EngineResult | undefined): Failure[] {
  const failures = failuresOf(progress.diagnostics, result?.ok ? [] : progress.reported);
  if (result === undefined || result.ok || result.locked) return failures;
  if (result.killedBy !== undefined) return [{ problems: [engineKilled(result.killedBy)] }, ...failures];
  if (failures.length > 0) return failures;
  return [{ problems: parseProblems(lastOutput(result.text)) }];
}

/** The environment variables that give a run's request to the program and the providers. */
export function runEnvironment(
  { only, replace = [], runRequest = {} }: Pick<DeployRequest, "only" | "replace" | "runRequest">,
  clock: Pick<RunClock, "remaining">,
  more: RunRequest = {},
): Record<string, string> {
  const left = clock.remaining();
  return runVariables({
    ...runRequest,
    ...more,
    ...(only.length > 0 ? { only: [...only] } : {}),
    ...(replace.length > 0 ? { replace: [...replace] } : {}),
    ...(Number.isFinite(left) ? { timeoutSeconds: Math.max(1, Math.round(left)) } : {}),
  });
}

function statusOf(
  result: EngineResult | undefined,
  failures: readonly Failure[],
  clock: RunClock,
): DeployStatus {
  if (result?.ok) return "succeeded";
  if (clock.ended !== undefined) return clock.ended;
  // The providers' budgets end with the run's, and may do so a moment before this clock.
  if (clock.remaining() < 1) return "timeout";
  if (result?.ok === false && result.locked) return "locked";
  if (isWaiting(failures)) return "held";
  return isOccupied(failures) ? "occupied" : "failed";
}
