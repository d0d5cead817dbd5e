import type { Command } from "commander";
import { z } from "zod";
import { continued } from "../../core/printable.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { type Plan, planLines, preview } from "../../operations/deploy/preview.ts";
import type { DeployOutcome } from "../../operations/deploy/run.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, count, defineCommand, names, seconds } from "../command.ts";
import { EXIT_OF, planFailureLines } from "../deploy/report.ts";
import { runUp } from "../deploy/up.ts";
import { declined, lockedOut } from "../ends.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { Unanswered } from "../unanswered.ts";

const Options = z.looseObject({
  only: z.array(z.string()).default([]),
  timeout: z.number().optional(),
  retries: z.number(),
  parallel: z.number(),
  refresh: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  expectNoChanges: z.boolean().default(false),
  rollbackOnFailure: z.boolean().optional(),
  replace: z.array(z.string()).default([]),
  takeOver: z.boolean().default(false),
  withoutBackup: z.boolean().default(false),
  yes: z.boolean().default(false),
});
type DeployOptions = z.output<typeof Options>;

export function deployCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "deploy",
    summary: "deploy the fleet: pulumi up, with live progress",
    description:
      "Deploys what index.ts declares, in dependency order, with a health check in every step. Without --yes, shows the plan and " +
      "asks for confirmation. Reports each failure with its reason; the next deploy continues from there. Writes " +
      "build/deployment-manifest.json after every step.",
    examples: [
      ["npx fleet deploy", "show the plan, ask, deploy"],
      [
        'npx fleet deploy --only "coordinator battle" --yes',
        "deploy these two, leave the others as they are",
      ],
      ["npx fleet deploy --dry-run --expect-no-changes", "exit code 3 if there are changes"],
      ["npx fleet deploy --yes --timeout 600 --retries 2", "for CI"],
    ],
    define(command) {
      command
        .option("--only <names>", "deploy these members only; leave the others as they are", names)
        .option("--timeout <seconds>", "stop the run after this time (exit code 124)", seconds)
        .option("--retries <number>", "how often to retry after transient failures", count(0), 0)
        .option("--parallel <number>", "resource operations to run at a time", count(1), 32)
        .option("--refresh", "read every process back first, to detect manual changes")
        .option("--dry-run", "show the plan without changing anything")
        .option("--expect-no-changes", "only preview; exit code 3 if there are changes")
        .option(
          "--rollback-on-failure",
          "roll back to the last release on failure (stack setting: rollbackOnFailure)",
        )
        .option(
          "--replace <names>",
          "replace the processes of these members if they are ruined (PROCESS_RUINED); their state is lost, their ids change",
          names,
        )
        .option(
          "--take-over",
          "take over from another operator's deployment that is gone: removes its lock; its later messages are refused",
        )
        .option(
          "--without-backup",
          "change code even if the state of a process cannot be backed up (stack setting: withoutBackup)",
        )
        .option("-y, --yes", "skip the plan and the confirmation")
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: DeployOptions): Promise<ExitCode> {
  const { host, out } = context;
  const looksOnly = options.dryRun || options.expectNoChanges;
  assertCanConfirm(
    context,
    looksOnly || options.yes,
    "Pass --yes to deploy without confirmation, or --dry-run to only show the plan.",
  );
  const free = await freeStack(context, context.out, options.takeOver && options.yes && !looksOnly);
  if (!free) return lockedOut(out);
  const { stack, workspace } = free;
  const engine = await host.engine(workspace, stack, (line) => out.note(line));
  if (looksOnly || !options.yes) {
    const clock = startClock(
      options.timeout,
      (why) => out.alert(`stopping the preview: ${why}`),
      host.interrupts,
    );
    const plan = await preview(engine, options, clock).finally(() => clock.stop());
    const code = showPlan(context, stack, plan, options);
    if (looksOnly || code !== EXIT.ok || plan.steps.length === 0) return code;
    if (!(await host.confirm(`Deploy this to ${stack}?`))) return declined(out, stack);
    if (options.takeOver && !(await freeStack(context, context.out, true))) return lockedOut(out);
  }
  return up(context, stack, engine, options);
}

function showPlan(
  { out }: Context,
  stack: string,
  plan: Plan,
  { expectNoChanges, dryRun }: DeployOptions,
): ExitCode {
  const differs = plan.status === "succeeded" && expectNoChanges && plan.steps.length > 0;
  const code = differs ? EXIT.changes : EXIT_OF[plan.status];
  // Otherwise the answer to the question follows, or the run.
  if (dryRun || expectNoChanges || code !== EXIT.ok || plan.steps.length === 0) {
    const { steps, notes, failures, changes, warnings } = plan;
    out.document({
      success: code === EXIT.ok,
      stack,
      status: plan.status,
      dryRun: true,
      changes,
      steps,
      notes,
      warnings,
      failures,
    });
  }
  for (const { text } of plan.warnings) out.alert(continued(text));
  out.alert(planFailureLines(stack, plan));
  if (plan.status !== "succeeded") return code;
  out.line(`Plan for ${stack}:`);
  out.line(planLines(plan));
  return code;
}

async function up(
  context: Context,
  stack: string,
  engine: Engine,
  options: DeployOptions,
): Promise<ExitCode> {
  const rollBack = async (outcome: DeployOutcome) => {
    if (outcome.status !== "failed" || !rollsBackOnFailure(context, stack, options)) return {};
    const { rollBackAutomatically } = await import("../../operations/rollback/automatic.ts");
    const { automaticObserver } = await import("../rollback/observer.ts");
    const observer = automaticObserver(context.out, context.onStack);
    return { rollback: await rollBackAutomatically(context, engine, outcome, options.parallel, observer) };
  };
  // With --json nothing is asked, and the one document contains the rollback.
  const { json } = context.out;
  const first = await runUp(context, stack, engine, { ...options, ...(json ? { followUp: rollBack } : {}) });
  const again = await continuesWithoutBackup(context, first.outcome, options).catch(
    async (error: unknown) => {
      // A question that is not answered is no reason to leave the fleet half-way.
      await rollBack(first.outcome);
      throw error;
    },
  );
  const { code, outcome } = again
    ? await runUp(context, stack, engine, { ...options, withoutBackup: true })
    : first;
  if (!json) await rollBack(outcome);
  return code;
}

/** Codes of a run that stopped because new code would lose state, or nobody can tell. */
const LOST: readonly string[] = ["STATE_IN_CODE", "STATE_NOT_COMPARED"];

/** Codes of a run that stopped because a state, or a part of it, cannot be saved. */
const NOT_SAVED: readonly string[] = ["BACKUP_FAILED", ...LOST];

/** Whether to continue a run that stopped only because states could not be saved. Asks on a terminal. */
async function continuesWithoutBackup(
  { host, out }: Context,
  { status, failures }: DeployOutcome,
  { yes, withoutBackup }: DeployOptions,
): Promise<boolean> {
  const stopped = failures.filter(({ problems }) => problems.some(({ code }) => NOT_SAVED.includes(code)));
  if (status !== "failed" || stopped.length === 0 || stopped.length < failures.length) return false;
  if (withoutBackup || yes || out.json || !host.stdin.isTTY) return false;
  const names = stopped.map(({ member }) => member ?? "a process").join(", ");
  const isLost = stopped.some(({ problems }) => problems.some(({ code }) => LOST.includes(code)));
  try {
    return await host.confirm(
      isLost
        ? `Change the code of ${names} although it may lose state?`
        : `Change the code of ${names} without a backup of the state?`,
    );
  } catch (error) {
    // The run before the question may have changed other members.
    throw error instanceof Unanswered ? new Unanswered(`The code of ${names} was not changed.`) : error;
  }
}

const rollsBackOnFailure = (
  { projectDir }: Context,
  stack: string,
  { rollbackOnFailure }: DeployOptions,
): boolean => rollbackOnFailure ?? readStackConfig(projectDir, stack).get("rollbackOnFailure") === "true";
