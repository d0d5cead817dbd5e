import { amount } from "../../core/amount.ts";
import { formatProblem } from "../../core/errors.ts";
import type { AutomaticObserver } from "../../operations/rollback/automatic.ts";
import type { Performed, RollbackObserver } from "../../operations/rollback/perform.ts";
import { reportPath } from "../../operations/rollback/report.ts";
import { failureLines, reportLines } from "../deploy/report.ts";
import { screenFor } from "../deploy/screen.ts";
import type { Output } from "../output.ts";

/** Says on the terminal how a rollback goes. */
export const toldOn = (out: Output): RollbackObserver => ({
  note: (line) => out.note(line),
  ending: (why) => out.alert(`ending the rollback: ${why}`),
  switched({ services, messages, seconds }, { deploymentId }) {
    out.line(
      `Callers of ${services.join(", ")} are back at ${deploymentId} after ${amount(messages, "message")}, ${seconds} s. The rest follows.`,
    );
  },
  notSwitched: (error) =>
    out.alert(`The router could not send callers back at once: ${formatProblem(error.problems[0])}`),
  follow: (progress, target, id) => screenFor(out, progress, `going back to ${target.deploymentId}  ${id}`),
  ended: (performed) => sayEnd(out, performed),
});

/** The same for one that a failed deployment began. */
export const automaticallyOn = (out: Output): AutomaticObserver => ({
  ...toldOn(out),
  alert: (line) => out.alert(line),
  refused: (error) => out.alert(`no automatic rollback: ${formatProblem(error.problems[0])}`),
});

function sayEnd(out: Output, { report, outcome, touched }: Performed): void {
  const isKeptOut = outcome.status === "occupied" || outcome.status === "locked";
  const lines = isKeptOut
    ? reportLines(outcome, report.stack, undefined, undefined)
    : outcome.failures.flatMap((failure) => failureLines(failure));
  for (const line of lines) out.alert(line);
  for (const { name, status, reasons } of report.validation) {
    if (reasons.length > 0 || status !== "HEALTHY") out.alert(`${name} is ${status}: ${reasons.join("; ")}`);
  }
  const where = `report: ${reportPath(report.rollbackId)}  log: ${report.log}`;
  if (report.status === "COMPLETED") {
    out.line(`Back at ${report.to.deploymentId} in ${outcome.seconds} s, validated.  ${where}`);
    if (!report.automatic)
      out.line("The stack is pinned to it. npx fleet rollback --clear follows the program again.");
    return;
  }
  out.alert(`The rollback is ${report.status}.  ${where}`);
  if (!touched) out.alert("Nothing was changed.");
  else out.alert("Run the same command again, or pulumi up: it goes on from here.");
}
