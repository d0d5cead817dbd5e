import { FleetError } from "../../core/errors.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { planLines, preview } from "../../operations/deploy/preview.ts";
import { describeLost } from "../../operations/rollback/lost-messages.ts";
import type { MemberPlan } from "../../operations/rollback/member-plan.ts";
import { pinRequest } from "../../operations/rollback/perform.ts";
import { memberPlanLines } from "../../operations/rollback/plan-lines.ts";
import type { PreparedRollback } from "../../operations/rollback/prepare.ts";
import type { StackHistory } from "../../operations/rollback/read-history.ts";
import { assertExpectedSteps } from "../../operations/rollback/unexpected-steps.ts";
import { type UnsavedMember, unsavedLine } from "../../operations/rollback/unsaved.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import type { Context } from "../command.ts";
import { EXIT_OF, planFailureLines } from "../deploy/report.ts";
import { declined } from "../ends.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { RollbackOptions } from "./options.ts";

/** Shows the plan and asks for confirmation; returns `continue` if the rollback can start. */
export async function showAndConfirm(
  context: Context,
  engine: Engine,
  prepared: PreparedRollback,
  known: StackHistory,
  options: RollbackOptions,
): Promise<ExitCode | "continue"> {
  const stack = await context.stack();
  const { out, host } = context;
  const { target, number, plans, diverged, unsaved } = prepared;
  out.note(
    `from ${known.current?.deploymentId ?? "what runs"} to release ${number ?? ""} ${target.deploymentId}:`,
  );
  for (const line of memberPlanLines(plans)) out.note(line);
  for (const { name, lost } of diverged) {
    if (lost) out.alert(`${name}: ${describeLost(lost)} not in the state that would be restored.`);
  }
  for (const one of unsaved) out.alert(unsavedLine(one));
  const asked = host.stdin.isTTY === true && !options.yes && !options.emergency;
  const isLossy = diverged.length > 0;
  // The loss cannot be confirmed without a terminal, so a preview would be useless.
  if (isLossy && !options.acceptDivergence && !options.dryRun && !asked) return refuseLoss(context, diverged);
  const isAccepted = acceptsUnsaved(context, stack, options);
  const isUnsaved = unsaved.length > 0 && !isAccepted;
  if (isUnsaved && !options.dryRun && !asked) return refuseUnsaved(context, unsaved);
  if (!options.emergency || options.dryRun) {
    const clock = startClock(
      options.timeout,
      (why) => out.alert(`stopping the preview: ${why}`),
      host.interrupts,
    );
    const plan = await preview(
      engine,
      { only: [], parallel: options.parallel, refresh: false, runRequest: pinRequest(prepared, isAccepted) },
      clock,
    ).finally(() => clock.stop());
    for (const line of planFailureLines(stack, plan)) out.alert(line);
    if (plan.status !== "succeeded") {
      const { status, failures } = plan;
      out.document({ success: false, status, dryRun: options.dryRun, failures });
      return EXIT_OF[status];
    }
    assertExpectedSteps(plan.steps, plans, known.current);
    if (options.dryRun) {
      const { steps, notes, changes } = plan;
      out.document({
        success: true,
        dryRun: true,
        to: target.deploymentId,
        ways: plans,
        unsaved,
        steps,
        notes,
        changes,
      });
    }
    for (const line of planLines(plan)) out.note(line);
  }
  if (options.dryRun) return EXIT.ok;
  if (isLossy && !options.acceptDivergence && !(await host.confirm("Accept the loss?"))) {
    return refuseLoss(context, diverged);
  }
  if (isUnsaved && !(await host.confirm("Accept the loss of state that cannot be saved?"))) {
    return refuseUnsaved(context, unsaved);
  }
  if (asked && !(await host.confirm(`Roll back to ${target.deploymentId}?`))) return declined(out, stack);
  return "continue";
}

function refuseLoss({ out }: Context, diverged: readonly MemberPlan[]): ExitCode {
  const error = divergence(diverged.map(({ name }) => name));
  out.problem("alert", error.problems[0]);
  out.document({ success: false, error: { code: error.code, problems: error.problems }, diverged });
  return EXIT.held;
}

/** In an emergency nothing is asked: the report and the summary name the loss. */
const acceptsUnsaved = (
  { projectDir }: Context,
  stack: string,
  { withoutBackup, emergency }: RollbackOptions,
): boolean =>
  withoutBackup || emergency || readStackConfig(projectDir, stack).get("withoutBackup") === "true";

function refuseUnsaved({ out }: Context, unsaved: readonly UnsavedMember[]): ExitCode {
  const error = notSaved(unsaved);
  out.problem("alert", error.problems[0]);
  out.document({ success: false, error: { code: error.code, problems: error.problems }, unsaved });
  return EXIT.held;
}

function notSaved(unsaved: readonly UnsavedMember[]): FleetError {
  const names = [...new Set(unsaved.map(({ name }) => name))].join(", ");
  return new FleetError({
    code: unsaved[0]?.code ?? "BACKUP_FAILED",
    what: `The rollback would lose state of ${names} that cannot be saved first. Nothing was changed.`,
    got: unsaved.map(unsavedLine).join("; "),
    expected: "--without-backup",
    remedy:
      "Pass --without-backup to accept the loss; or --only with the other members; or fix the program and deploy it.",
  });
}

function divergence(members: readonly string[]): FleetError {
  return new FleetError({
    code: "DIVERGENCE",
    what: `The rollback would lose messages that ${members.join(", ")} handled since. Nothing was changed.`,
    expected: "--accept-divergence",
    remedy:
      "Pass --accept-divergence; or --only with the other members; or go forward with a `down` migration.",
  });
}
