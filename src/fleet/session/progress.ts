import { appendFileSync } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Problem } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import { say, warn } from "../../core/say.ts";
import { eventsFile } from "./run-request.ts";
import type { Scope } from "./scope.ts";
import { problemWithoutSecrets, withoutSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";
import { type StepPhase, stepText } from "./step-phases.ts";

/** One step of a run: a line in the output of `pulumi up` and in the log files, and JSON for `fleet deploy`. */
export interface StepEvent {
  readonly at: string;
  readonly deploymentId: string;
  /** Member or resource: `battle`, `release`. */
  readonly name: string;
  /** The member, if `name` is that of one of its resources: `battle` for `battle-process-config`. */
  readonly member?: string;
  readonly phase: StepPhase;
  /** For display only. */
  readonly detail: string;
  readonly seconds?: number;
  /** Code of the error; none for an internal error. */
  readonly code?: string;
  /** With `failed`: whether a retry can succeed without any change. */
  readonly transient?: boolean;
  /** What the error says, as data: pulumi passes on only its text. None for an internal error. */
  readonly problems?: readonly Problem[];
}

/** A failure that is no step, as data: of the program, or of a read, diff or delete. Pulumi prints its text. */
export interface FailureEvent {
  readonly at: string;
  /** As `name` of a step. Absent if the program failed. */
  readonly member?: string;
  readonly problems: readonly Problem[];
}

/** Name of a run's log in `build/logs`: `deploy-<time>-<random>.log`. Generated ids already start with `deploy-`. */
export const logName = (deploymentId: string): string =>
  `${deploymentId.startsWith("deploy-") ? "" : "deploy-"}${deploymentId}.log`;

/** Files that the guide greps, by phase; every event is also written to the run's own log. */
const GUIDE_FILES: Readonly<Partial<Record<StepPhase, string>>> = {
  ready: "health_output.txt",
  unhealthy: "health_output.txt",
  registered: "register_output.txt",
};

function eventLine(event: Pick<StepEvent, "name" | "phase" | "detail" | "seconds">): string {
  const took = event.seconds === undefined ? "" : `  ${event.seconds.toFixed(1)} s`;
  return printable(redactText(`${event.name.padEnd(22)} ${stepText(event.phase, event.detail)}${took}`));
}

/**
 * Prints and logs one event, without secrets. Never throws: a full disk must not abort a deployment.
 *
 * @param stream a file to which it is appended as a line of JSON. @default none
 */
export async function writeStep(scope: Scope, step: StepEvent, stream?: string): Promise<void> {
  const event = stepWithoutSecrets(step);
  say(eventLine(event));
  const logs = join(scope.build, "logs");
  const line = `${event.at} ${eventLine(event)}\n`;
  const files = [logName(event.deploymentId), GUIDE_FILES[event.phase] ?? "deploy_output.txt"];
  try {
    await mkdir(logs, { recursive: true });
    for (const file of files) await appendFile(join(logs, file), line);
    if (stream !== undefined) await appendFile(stream, `${JSON.stringify(event)}\n`);
  } catch (error) {
    warnUnwritten(error);
  }
}

/**
 * Appends a failure that is no step, without secrets, to the run's events, if somebody reads them. Synchronous, because the program's settings are read so.
 *
 * @param member as in `FailureEvent`
 */
export function reportFailure(problems: readonly Problem[], member?: string): void {
  const stream = eventsFile();
  if (stream === undefined) return;
  const event: FailureEvent = {
    at: new Date().toISOString(),
    ...(member === undefined ? {} : { member }),
    problems: problems.map(problemWithoutSecrets),
  };
  try {
    appendFileSync(stream, `${JSON.stringify(event)}\n`);
  } catch (error) {
    warnUnwritten(error);
  }
}

const stepWithoutSecrets = (step: StepEvent): StepEvent => ({
  ...step,
  detail: withoutSecrets(step.detail),
  ...(step.problems === undefined ? {} : { problems: step.problems.map(problemWithoutSecrets) }),
});

const warnUnwritten = (error: unknown): void =>
  warn(`cannot write the log: ${error instanceof Error ? error.message : String(error)}`);

/** The subject of a step: a member, or a resource of a member. */
type StepSubject = string | Required<Pick<StepEvent, "name" | "member">>;

/** Reports a step of this run; `started` is a `performance.now()` from which the seconds are counted. */
export function reportStep(
  session: Session,
  subject: StepSubject,
  phase: StepPhase,
  detail: string,
  started?: number,
): Promise<void> {
  const event = {
    at: new Date().toISOString(),
    deploymentId: session.deployment.id,
    ...(typeof subject === "string" ? { name: subject } : subject),
    phase,
    detail,
    ...(started === undefined ? {} : { seconds: (performance.now() - started) / 1000 }),
  };
  return writeStep(session.scope, event, session.request.events);
}
