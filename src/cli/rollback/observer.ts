import { amount } from "../../core/amount.ts";
import type { AutomaticObserver } from "../../operations/rollback/automatic.ts";
import { NOT_SWITCHED_TEXT } from "../../operations/rollback/emergency.ts";
import type { RollbackObserver, RollbackResult } from "../../operations/rollback/perform.ts";
import { reportPath } from "../../operations/rollback/report.ts";
import { unsavedLine } from "../../operations/rollback/unsaved.ts";
import { failureLines, problemsIn, reportLines } from "../deploy/report.ts";
import { screenFor } from "../deploy/screen.ts";
import type { Output } from "../output.ts";
import { stackHint } from "../stack-hint.ts";

/** Prints the progress of a rollback; `onStack` is that of the command's context. */
export const rollbackObserver = (out: Output, onStack = ""): RollbackObserver => ({
  note: (line) => out.note(line),
  ending: (why) => out.alert(`stopping the rollback: ${why}`),
  switched({ services, messages, seconds }, { deploymentId }) {
    out.line(
      `Callers of ${services.join(", ")} are back at ${deploymentId} after ${amount(messages, "message")}, ${seconds} s. The run follows.`,
    );
  },
  notSwitched(why) {
    if (typeof why === "string")
      out.alert(`Callers were not switched before the run: ${NOT_SWITCHED_TEXT[why]}.`);
    else out.problem("alert", why.problems[0], "The router could not switch callers before the run: ");
  },
  follow: (progress, target, id) => screenFor(out, progress, `rolling back to ${target.deploymentId}  ${id}`),
  ended: (performed) => printResult(out, performed, onStack),
});

/** The same for a rollback that a failed deployment started. */
export const automaticObserver = (out: Output, onStack = ""): AutomaticObserver => ({
  ...rollbackObserver(out, onStack),
  alert: (line) => out.alert(line),
  refused: (error) => out.problem("alert", error.problems[0], "no automatic rollback: "),
});

function printResult(out: Output, { report, outcome, touched }: RollbackResult, onStack: string): void {
  const isKeptOut = outcome.status === "occupied" || outcome.status === "locked";
  const lines = isKeptOut
    ? reportLines(outcome, report.stack, undefined, undefined, onStack)
    : [
        ...outcome.failures.flatMap((failure) => failureLines(failure)),
        ...stackHint(onStack, problemsIn(outcome.failures)),
      ];
  out.alert(lines);
  for (const { name, status, reasons } of report.validation) {
    if (reasons.length > 0 || status !== "HEALTHY") out.alert(`${name} is ${status}: ${reasons.join("; ")}`);
  }
  for (const one of report.unsaved ?? []) out.alert(`not saved before the rollback: ${unsavedLine(one)}`);
  const where = `report: ${reportPath(report.rollbackId)}  log: ${report.log}`;
  if (report.status === "COMPLETED") {
    out.line(`Rolled back to ${report.to.deploymentId} in ${outcome.seconds} s, validated.  ${where}`);
    if (!report.automatic)
      out.line(
        `The stack is pinned to it. To follow the program again: npx fleet rollback --clear${onStack}`,
      );
    return;
  }
  out.alert(`The rollback is ${report.status}.  ${where}`);
  if (!touched) out.alert("Nothing was changed.");
  else out.alert("Run the same command again, or pulumi up: it continues from here.");
}
