import { formatProblem } from "../../core/errors.ts";
import { GOES_ON } from "../../delivery/shown.ts";
import type { Manifest } from "../../fleet/members/manifest.ts";
import { stepText } from "../../fleet/session/step-phases.ts";
import { type Failure, isCutShort } from "../../operations/deploy/failure.ts";
import type { DeployOutcome, DeployStatus } from "../../operations/deploy/run.ts";
import { type CheckedStanding, membersOf, type Said } from "../../operations/deploy/standing.ts";
import { EXIT, type ExitCode } from "../exit.ts";

export const EXIT_OF: Readonly<Record<DeployStatus, ExitCode>> = {
  succeeded: EXIT.ok,
  failed: EXIT.failed,
  held: EXIT.held,
  locked: EXIT.locked,
  occupied: EXIT.locked,
  timeout: EXIT.timeout,
  interrupted: EXIT.interrupted,
};

/**
 * The end of a run in words: what failed and why, what runs, what to do.
 *
 * @param stands none where nothing was done, since somebody else is at work
 */
export function reportLines(
  outcome: DeployOutcome,
  stack: string,
  manifest: Manifest | undefined,
  stands: CheckedStanding | undefined,
): string[] {
  const { status, failures, busy, holders, seconds } = outcome;
  const lines: string[] = [];
  if (status === "locked") {
    lines.push(`Somebody else is deploying the stack ${stack}. [STACK_LOCKED]`);
    lines.push(`  got:      locked by ${holders.join(", ") || "another run"}`);
    lines.push("  expected: a stack that nobody changes now");
    lines.push("  to do:    Wait for that run. If it is dead, free the stack:");
    lines.push(`            npx pulumi cancel --stack ${stack}`);
    return lines;
  }
  if (status === "occupied") {
    // Every resource that was to change heard the same.
    const [problem] = failures.flatMap(({ problems }) =>
      problems.filter(({ code }) => code === "DEPLOYMENT_IN_PROGRESS"),
    );
    return problem ? [formatProblem(problem)] : [];
  }
  if (status === "timeout") {
    const textOf = (phase: (typeof busy)[number]["phase"]) => (phase === "started" ? phase : stepText(phase));
    const what = busy.map(({ name, phase }) => `${name} (after: ${textOf(phase)})`).join(", ");
    lines.push(`The time was over after ${seconds} s. [TIMEOUT]`);
    lines.push(`  got:      still going on: ${what || "the start of the run"}`);
    lines.push(
      "  to do:    Run the same command again: it goes on from here. Give it more --timeout if it needs that.",
    );
  }
  if (status === "interrupted") {
    lines.push("The run was interrupted. Run the same command again: it goes on from here.");
  }
  for (const failure of failures) lines.push(...failureLines(failure));
  lines.push("");
  if (stands) lines.push(...standingLines(stands));
  lines.push(`${"log:".padEnd(22)} ${outcome.log}`);
  if (status === "failed") lines.push(`${"next:".padEnd(22)} ${afterFailure(failures, manifest)}`);
  if (status === "held") lines.push(`${"next:".padEnd(22)} ${afterHold(failures)}`);
  return lines;
}

/** One line for each way in which members stand. */
function standingLines(stands: CheckedStanding): string[] {
  const { failed, held, done, unfinished, refusing, asBefore, otherwise, unknown, notYet } = stands;
  const line = (title: string, names: readonly string[], more = "") =>
    names.length > 0 ? [`${title.padEnd(22)} ${names.join(", ")}${more}`] : [];
  const said = (all: readonly Said[]) => all.map(({ name, why }) => `${name} (${why})`);
  return [
    ...line("failed:", failed),
    ...line("waiting:", held),
    ...line("deployed in this run:", done),
    ...line("unfinished:", unfinished),
    ...line("refusing requests:", refusing, ` (DRAINING). ${DRAIN_ENDS}`),
    ...line("running as before:", asBefore),
    ...line("not as before:", said(otherwise)),
    ...line("not known how:", said(unknown), "; npx fleet status asks again"),
    ...line("not reached:", notYet),
  ];
}

const DRAIN_ENDS =
  "A process does so while its state is handed over; the next deploy goes on with that, or gives it back.";

/** Problems of one failure, each said to be the member's unless it says so itself. */
export function failureLines({ member, problems }: Failure): string[] {
  return problems.map((problem) => {
    const text = formatProblem(problem);
    return member === undefined || text.startsWith(member) ? text : `${member}: ${text}`;
  });
}

/** Names only commands that can work: there are logs of a member that has a process, and of nothing else. */
function afterFailure(failures: readonly Failure[], manifest: Manifest | undefined): string {
  if (isCutShort(failures)) return "npx fleet deploy: it goes on where this run stopped";
  const member = membersOf(failures).find((name) => manifest?.processes[name]?.processId !== undefined);
  const look = member === undefined ? "" : `; npx fleet logs ${member} --errors shows what it did`;
  return `fix it, then run npx fleet deploy again: it goes on from here${look}`;
}

/** The same command again would wait again: first a person decides. */
function afterHold(failures: readonly Failure[]): string {
  const isPaused = failures.some(({ problems }) => problems.some(({ code }) => code === "PAUSED"));
  return `npx fleet ${isPaused ? "resume" : "promote"}, then npx fleet deploy ${GOES_ON}; npx fleet abort sends all traffic back`;
}
