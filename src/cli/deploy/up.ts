import { continued } from "../../core/printable.ts";
import { readManifest } from "../../fleet/members/manifest.ts";
import { stoppedText } from "../../fleet/members/ruined.ts";
import { type Scope, scopeIn } from "../../fleet/session/scope.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { askFleet } from "../../operations/deploy/process-answers.ts";
import type { Progress } from "../../operations/deploy/progress.ts";
import {
  type DeployOutcome,
  type DeployRequest,
  type DeployStatus,
  deploy,
} from "../../operations/deploy/run.ts";
import {
  answerOf,
  checkAgainstAnswers,
  deadIn,
  hasProcess,
  uncheckedIn,
} from "../../operations/deploy/standing.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import type { Context } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";
import { EXIT_OF, reportLines } from "./report.ts";
import { screenFor } from "./screen.ts";

/** An `up` of a whole stack, run by a command. */
interface UpRequest extends Omit<DeployRequest, "projectDir"> {
  /** Seconds until the run is stopped. @default no limit */
  readonly timeout?: number | undefined;
  /** The verb in the headline of the live tree. @default "deploying" */
  readonly doing?: string;
  /** Further fields of the document that `--json` prints. */
  readonly document?: Readonly<Record<string, unknown>>;
  /** What follows the run, before that document is printed; returns more fields of it. @default nothing */
  readonly followUp?: (outcome: DeployOutcome) => Promise<Readonly<Record<string, unknown>>>;
}

/** Runs `up`, shows its progress, and prints the result. */
export async function runUp(
  context: Context,
  stack: string,
  engine: Engine,
  { timeout, doing = "deploying", document = {}, followUp, ...request }: UpRequest,
): Promise<{ code: ExitCode; outcome: DeployOutcome }> {
  const { out, projectDir } = context;
  const scope = scopeIn(projectDir, readStackConfig(projectDir, stack).project, stack);
  const before = await readManifest(scope);
  const expected = request.only.length > 0 ? request.only : Object.keys(before?.processes ?? {});
  let note = (text: string) => out.alert(text);
  const clock = startClock(
    timeout,
    (why) =>
      note(
        why === "timeout"
          ? `the time limit of ${timeout} s is reached: stopping the run`
          : "stopping after the running steps; interrupt again to stop at once",
      ),
    context.host.interrupts,
  );
  try {
    const watch = (progress: Progress, id: string) => {
      progress.expect(expected);
      const screen = screenFor(out, progress, `${doing} ${scope.project}/${stack}  ${id}`);
      note = screen.note;
      return screen;
    };
    const outcome = await deploy(engine, { ...request, projectDir }, clock, watch, context.host.pause);
    // What follows has a clock of its own.
    if (followUp !== undefined) clock.stop();
    return { code: await report(context, stack, scope, outcome, { document, followUp }), outcome };
  } finally {
    clock.stop();
  }
}

/** Results after which members may have changed; after all others nothing was done. */
const ACTED: ReadonlySet<DeployStatus> = new Set(["succeeded", "failed", "held", "timeout", "interrupted"]);

async function report(
  { out, fleet, onStack }: Context,
  stack: string,
  scope: Scope,
  outcome: DeployOutcome,
  { document, followUp }: { document: object; followUp: UpRequest["followUp"] },
): Promise<ExitCode> {
  const manifest = await readManifest(scope);
  const { progress, failures, status, deploymentId, attempts, seconds: took, busy, holders, log } = outcome;
  const known = ACTED.has(status) ? uncheckedIn(outcome, manifest) : undefined;
  const isAsked = known !== undefined && hasProcess(known, outcome, manifest);
  const stands = known && checkAgainstAnswers(known, isAsked ? await askFleet(fleet) : { answers: [] });
  const dead = stands === undefined ? [] : deadIn(stands);
  for (const { text, severity } of progress.diagnostics)
    if (severity === "warning") out.note(continued(text));
  const later = await followUp?.(outcome);
  out.document({
    success: status === "succeeded" && dead.length === 0,
    status,
    stack,
    ...document,
    deploymentId,
    attempts,
    durationSeconds: took,
    changes: progress.changes,
    failures,
    ...(stands === undefined ? {} : { standing: stands }),
    ...(status === "timeout" ? { stillGoingOn: busy } : {}),
    ...(status === "locked" ? { lockedBy: holders } : {}),
    processes: manifest?.processes ?? {},
    manifest: "build/deployment-manifest.json",
    log,
    ...later,
  });
  if (status !== "succeeded") {
    for (const line of reportLines(outcome, stack, manifest, stands, onStack)) out.alert(line);
    return EXIT_OF[status];
  }
  const rows = Object.entries(manifest?.processes ?? {}).map(([name, entry]) => [
    name,
    entry.processId ?? "",
    answerOf(name, stands) ?? entry.status,
    entry.version ?? "",
  ]);
  for (const line of table(["process", "id", "status", "version"], rows)) out.line(line);
  for (const { name, why } of dead) out.alert(`${name}: ${stoppedText({ name }, why)}`);
  const changed = Object.entries(progress.changes).filter(([op, n]) => op !== "same" && n > 0);
  const words = changed.map(([op, n]) => `${op} ${n}`).join(", ");
  out.line([
    "",
    `Deployed in ${took} s: ${words || "no changes"}.  manifest: build/deployment-manifest.json  log: ${log}`,
  ]);
  return dead.length === 0 ? EXIT.ok : EXIT.failed;
}
