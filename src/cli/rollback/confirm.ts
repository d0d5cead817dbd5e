import type { FleetError } from "../../core/errors.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { planLines, preview } from "../../operations/deploy/preview.ts";
import { describeLost } from "../../operations/rollback/lost-messages.ts";
import { pinRequest } from "../../operations/rollback/perform.ts";
import { memberPlanLines } from "../../operations/rollback/plan-lines.ts";
import type { PreparedRollback } from "../../operations/rollback/prepare.ts";
import type { StackHistory } from "../../operations/rollback/read-history.ts";
import { divergence, notSaved } from "../../operations/rollback/refusals.ts";
import { assertExpectedSteps } from "../../operations/rollback/unexpected-steps.ts";
import { unsavedLine } from "../../operations/rollback/unsaved.ts";
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
  out.note(memberPlanLines(plans));
  for (const { name, lost } of diverged) {
    if (lost) out.alert(`${name}: ${describeLost(lost)} not in the state that would be restored.`);
  }
  for (const one of unsaved) out.alert(unsavedLine(one));
  const asked = host.stdin.isTTY === true && !options.yes && !options.emergency;
  const isLossy = diverged.length > 0;
  // The loss cannot be confirmed without a terminal, so a preview would be useless.
  if (isLossy && !options.acceptDivergence && !options.dryRun && !asked)
    return refuse(context, divergence(diverged), { diverged });
  const isAccepted = acceptsUnsaved(context, stack, options);
  const isUnsaved = unsaved.length > 0 && !isAccepted;
  if (isUnsaved && !options.dryRun && !asked) return refuse(context, notSaved(unsaved), { unsaved });
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
    out.alert(planFailureLines(stack, plan));
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
    out.note(planLines(plan));
  }
  if (options.dryRun) return EXIT.ok;
  if (isLossy && !options.acceptDivergence && !(await host.confirm("Accept the loss?"))) {
    return refuse(context, divergence(diverged), { diverged });
  }
  if (isUnsaved && !(await host.confirm("Accept the loss of state that cannot be saved?"))) {
    return refuse(context, notSaved(unsaved), { unsaved });
  }
  if (asked && !(await host.confirm(`Roll back to ${target.deploymentId}?`))) return declined(out, stack);
  return "continue";
}

/** In an emergency nothing is asked: the report and the summary name the loss. */
const acceptsUnsaved = (
  { projectDir }: Context,
  stack: string,
  { withoutBackup, emergency }: RollbackOptions,
): boolean =>
  withoutBackup || emergency || readStackConfig(projectDir, stack).get("withoutBackup") === "true";

/** Refuses a rollback; `about` is what it would lose, as data. */
function refuse({ out }: Context, error: FleetError, about: object): ExitCode {
  out.problem("alert", error.problems[0]);
  out.document({ success: false, error: { code: error.code, problems: error.problems }, ...about });
  return EXIT.held;
}
