import { FleetError, formatProblem } from "../../core/errors.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { planLines, preview } from "../../operations/deploy/preview.ts";
import type { KnownHistory } from "../../operations/rollback/known.ts";
import { lostWords } from "../../operations/rollback/lost.ts";
import type { MemberWay } from "../../operations/rollback/member-way.ts";
import { pinRequest } from "../../operations/rollback/perform.ts";
import type { PreparedRollback } from "../../operations/rollback/prepare.ts";
import { surprises } from "../../operations/rollback/surprises.ts";
import { wayLines } from "../../operations/rollback/way-words.ts";
import type { Context } from "../command.ts";
import { failureLines } from "../deploy/report.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { RollbackOptions } from "./options.ts";

/** Shows what would change, and asks; `go on` where nothing and nobody is against it. */
export async function showAndConfirm(
  context: Context,
  engine: Engine,
  prepared: PreparedRollback,
  known: KnownHistory,
  options: RollbackOptions,
): Promise<ExitCode | "go on"> {
  const { out, host } = context;
  const { target, number, ways, diverged } = prepared;
  out.note(
    `from ${known.current?.deploymentId ?? "what runs"} to release ${number ?? ""} ${target.deploymentId}:`,
  );
  for (const line of wayLines(ways)) out.note(line);
  for (const { name, lost } of diverged) {
    if (lost) out.alert(`${name}: ${lostWords(lost)} not in the state that it goes back to.`);
  }
  const asked = host.stdin.isTTY === true && !options.yes && !options.emergency;
  const isLossy = diverged.length > 0;
  // Nobody can say that it may be lost, so there is nothing to preview.
  if (isLossy && !options.acceptDivergence && !options.dryRun && !asked) return refuseLoss(context, diverged);
  if (!options.emergency || options.dryRun) {
    const clock = startClock(options.timeout, (why) => out.alert(`ending the preview: ${why}`));
    const plan = await preview(
      engine,
      { only: [], parallel: options.parallel, refresh: false, told: pinRequest(prepared) },
      clock,
    ).finally(() => clock.stop());
    for (const failure of plan.failures) for (const line of failureLines(failure)) out.alert(line);
    if (!plan.ok) {
      out.document({ success: false, dryRun: options.dryRun, failures: plan.failures });
      return plan.locked ? EXIT.locked : EXIT.failed;
    }
    surprises(plan.steps, ways, known.current);
    if (options.dryRun) {
      const { steps, notes, changes } = plan;
      out.document({ success: true, dryRun: true, to: target.deploymentId, ways, steps, notes, changes });
    }
    for (const line of planLines(plan)) out.note(line);
  }
  if (options.dryRun) return EXIT.ok;
  if (isLossy && !options.acceptDivergence && !(await host.confirm("Give them up?"))) {
    return refuseLoss(context, diverged);
  }
  if (asked && !(await host.confirm(`Go back to ${target.deploymentId}?`))) {
    out.note("Nothing was changed.");
    return EXIT.ok;
  }
  return "go on";
}

function refuseLoss({ out }: Context, diverged: readonly MemberWay[]): ExitCode {
  const error = divergence(diverged.map(({ name }) => name));
  out.alert(formatProblem(error.problems[0]));
  out.document({ success: false, error: { code: error.code, problems: error.problems }, diverged });
  return EXIT.held;
}

function divergence(members: readonly string[]): FleetError {
  return new FleetError({
    code: "DIVERGENCE",
    what: `Going back would lose what ${members.join(", ")} handled since. Nothing was changed.`,
    expected: "your word that it may be lost",
    remedy:
      "Add --accept-divergence; or --only with the other members; or go forward with a `down` migration.",
  });
}
