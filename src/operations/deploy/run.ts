import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { newDeploymentId } from "../../fleet/session/deployment-id.ts";
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
  isPassing,
  isWaiting,
  parseProblems,
} from "./failure.ts";
import { Progress } from "./progress.ts";
import { lastWords, lockHolders } from "./pulumi-text.ts";
import { followSteps } from "./steps.ts";

export interface DeployRequest {
  readonly projectDir: string;
  /** Members to deploy; all when empty. */
  readonly only: readonly string[];
  /** How often a run that failed for passing reasons is done again. */
  readonly retries: number;
  readonly parallel: number;
  readonly refresh: boolean;
  /** Members that get a new process if theirs is ruined; its state is lost. @default none */
  readonly replace?: readonly string[];
  /** Take the fleet from another operator's run that the ledger holds for alive. @default false */
  readonly takeOver?: boolean;
  /** Change code also where a state could not be kept before. @default false */
  readonly withoutBackup?: boolean;
  /** More that the program and the providers are told. @default nothing */
  readonly told?: RunRequest;
}

export type DeployStatus =
  | "succeeded"
  | "failed"
  | "held"
  /** Somebody holds the stack on this backend. */
  | "locked"
  /** Another operator, with a state of their own, deploys the same fleet. */
  | "occupied"
  | "timeout"
  | "interrupted";

export interface DeployOutcome {
  readonly status: DeployStatus;
  readonly deploymentId: string;
  readonly attempts: number;
  readonly seconds: number;
  readonly progress: Progress;
  readonly failures: readonly Failure[];
  /** What was still going on when the run was ended. */
  readonly busy: ReturnType<Progress["busy"]>;
  /** Who holds the stack, when it is locked. */
  readonly holders: readonly string[];
  /** The log, relative to the project. */
  readonly log: string;
}

/** Who watches a run; made anew for each attempt. */
export interface Watcher {
  engine(event: EngineEvent): void;
  step(event: StepEvent): void;
  note(text: string): void;
  close(): void;
}

/**
 * Runs `up` until it succeeds, fails for a reason that does not pass, or has no try or time left.
 *
 * @param pause waits so many seconds between two tries
 */
export async function deploy(
  engine: Engine,
  request: DeployRequest,
  clock: RunClock,
  watch: (progress: Progress, deploymentId: string) => Watcher,
  pause: (seconds: number) => Promise<void>,
): Promise<DeployOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await once(engine, request, clock, watch, attempt);
    const again =
      (outcome.status === "failed" || outcome.status === "occupied") &&
      attempt <= request.retries &&
      isPassing(outcome.failures, outcome.progress.told);
    const wait = Math.min(2 ** attempt, 30);
    if (!again || clock.ended !== undefined || clock.remaining() <= wait) return outcome;
    const codes = [...new Set(outcome.failures.flatMap(({ problems }) => problems.map(({ code }) => code)))];
    const watcher = watch(new Progress(), outcome.deploymentId);
    watcher.note(`failed for a passing reason (${codes.join(", ")}); try ${attempt + 1} in ${wait} s`);
    watcher.close();
    await Promise.race([pause(wait), clock.whenEnded]);
    if (clock.ended !== undefined) return outcome;
  }
}

async function once(
  engine: Engine,
  request: DeployRequest,
  clock: RunClock,
  watch: (progress: Progress, deploymentId: string) => Watcher,
  attempt: number,
): Promise<DeployOutcome> {
  const deploymentId = newDeploymentId(new Date());
  const logs = join(request.projectDir, "build", "logs");
  const log = join("build", "logs", logName(deploymentId));
  await mkdir(logs, { recursive: true });
  await rotateLogs(logs);
  const progress = new Progress();
  const watcher = watch(progress, deploymentId);
  const events = join(logs, `events-${deploymentId}.jsonl`);
  const steps = followSteps(events, (event) => {
    progress.step(event, performance.now());
    watcher.step(event);
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
    const killed = clock.hopeless.then(() => {
      engine.kill?.();
      return undefined;
    });
    result = await Promise.race([run, killed]);
  } finally {
    clock.signal.removeEventListener("abort", noteBusy);
    await steps.stop();
    watcher.close();
  }
  if (result) await appendFile(join(request.projectDir, log), `\n${result.text.trim()}\n`);
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

/** What failed; where pulumi did not end by itself, that first; where the engine said nothing (a wrong passphrase, a broken project file), pulumi's own last words. */
export function failuresIn(progress: Progress, result: EngineResult | undefined): Failure[] {
  const failures = failuresOf(progress.diagnostics);
  if (result === undefined || result.ok || result.locked) return failures;
  if (result.killedBy !== undefined) return [{ problems: [engineKilled(result.killedBy)] }, ...failures];
  if (failures.length > 0) return failures;
  return [{ problems: parseProblems(lastWords(result.text)) }];
}

/** What the program and the providers are told about a run. */
export function runEnvironment(
  { only, replace = [], told = {} }: Pick<DeployRequest, "only" | "replace" | "told">,
  clock: Pick<RunClock, "remaining">,
  more: RunRequest = {},
): Record<string, string> {
  const left = clock.remaining();
  return runVariables({
    ...told,
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
  // The providers' own budgets end with the run's: theirs may be a moment earlier than the clock here.
  if (clock.remaining() < 1) return "timeout";
  if (result?.ok === false && result.locked) return "locked";
  if (isWaiting(failures)) return "held";
  return isOccupied(failures) ? "occupied" : "failed";
}
