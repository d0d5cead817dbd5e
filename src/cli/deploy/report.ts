import { type Problem, problemLines } from "../../core/errors.ts";
import { AFTER_APPROVAL } from "../../delivery/traffic-text.ts";
import type { Manifest } from "../../fleet/members/manifest.ts";
import { stepText } from "../../fleet/session/step-phases.ts";
import { type Failure, isEndedEarly } from "../../operations/deploy/failure.ts";
import type { Plan } from "../../operations/deploy/preview.ts";
import type { DeployOutcome, DeployStatus } from "../../operations/deploy/run.ts";
import { type CheckedStanding, membersOf, type NamedReason } from "../../operations/deploy/standing.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { stackHint } from "../stack-hint.ts";

/** The exit code of each status. */
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
 * The report of a run that did not succeed: what failed and why, what runs, what to do.
 *
 * @param standing undefined if nothing was done because another run was active
 * @param onStack what a suggested command needs to act on the same stack: `Context.onStack`
 */
export function reportLines(
  outcome: DeployOutcome,
  stack: string,
  manifest: Manifest | undefined,
  standing: CheckedStanding | undefined,
  onStack: string,
): string[] {
  const { status, failures, busy, holders, seconds } = outcome;
  const lines: string[] = [];
  if (status === "locked") {
    lines.push(`Another run is deploying the stack ${stack}. [STACK_LOCKED]`);
    lines.push(`  got:      locked by ${holders.join(", ") || "another run"}`);
    lines.push("  expected: an unlocked stack");
    lines.push("  fix:      Wait for that run. If it is dead, free the stack:");
    lines.push(`            npx pulumi cancel --stack ${stack}`);
    return lines;
  }
  if (status === "occupied") {
    // Every resource that would have changed failed with the same problem.
    const [problem] = failures.flatMap(({ problems }) =>
      problems.filter(({ code }) => code === "DEPLOYMENT_IN_PROGRESS"),
    );
    return problem ? problemLines(problem) : [];
  }
  if (status === "timeout") {
    const textOf = (phase: (typeof busy)[number]["phase"]) => (phase === "started" ? phase : stepText(phase));
    const what = busy.map(({ name, phase }) => `${name} (after: ${textOf(phase)})`).join(", ");
    lines.push(`The run timed out after ${seconds} s. [TIMEOUT]`);
    lines.push(`  got:      still running: ${what || "the start of the run"}`);
    lines.push("  fix:      Run the same command again: it continues from here. Raise --timeout if needed.");
  }
  if (status === "interrupted") {
    lines.push("The run was interrupted. Run the same command again: it continues from here.");
  }
  for (const failure of failures) lines.push(...failureLines(failure));
  lines.push(...stackHint(onStack, problemsIn(failures)));
  lines.push("");
  if (standing) lines.push(...standingLines(standing, failures, onStack));
  lines.push(`${"log:".padEnd(22)} ${outcome.log}`);
  if (status === "failed") lines.push(`${"next:".padEnd(22)} ${afterFailure(failures, manifest, onStack)}`);
  if (status === "held") lines.push(`${"next:".padEnd(22)} ${afterHold(failures, onStack)}`);
  return lines;
}

/** One line for each status that a member has. */
function standingLines(standing: CheckedStanding, failures: readonly Failure[], onStack: string): string[] {
  const { failed, held, done, unfinished, refusing, asBefore, otherwise, unknown, notYet } = standing;
  const line = (title: string, names: readonly string[], more = "") =>
    names.length > 0 ? [`${title.padEnd(22)} ${names.join(", ")}${more}`] : [];
  const said = (all: readonly NamedReason[]) => all.map(({ name, why }) => `${name} (${why})`);
  return [
    ...line("failed:", failed),
    ...line("waiting:", held),
    ...line("deployed in this run:", done),
    ...line("unfinished:", unfinished),
    ...line("refusing requests:", refusing, ` (DRAINING)${whyRefusing(failures)}`),
    ...line("running as before:", asBefore),
    ...line("differs from before:", said(otherwise)),
    ...line("unknown:", said(unknown), `; npx fleet status${onStack} asks again`),
    ...line("not reached:", notYet),
  ];
}

/** Why a deployment to this stack is refused because its fleet is moved: it completes nothing. */
const MOVES: ReadonlySet<string> = new Set(["STACK_MOVING", "STACK_MOVED"]);
const isMoved = (failures: readonly Failure[]): boolean =>
  problemsIn(failures).some(({ code }) => MOVES.has(code));

const whyRefusing = (failures: readonly Failure[]): string =>
  isMoved(failures)
    ? ", because of the move"
    : ". A process does so during a hand-over of its state; a deploy that succeeds completes or reverts it.";

/** Why a preview did not succeed. */
export const planFailureLines = (stack: string, { status, holders, failures }: Plan): string[] => [
  ...failures.flatMap(failureLines),
  ...(status === "locked" ? [`The stack ${stack} is locked by ${holders.join(", ")}. [STACK_LOCKED]`] : []),
];

/** The problems of several failures. Pure. */
export const problemsIn = (failures: readonly Failure[]): Problem[] =>
  failures.flatMap(({ problems }) => problems);

/** The lines of the problems of one failure, each prefixed with the member unless it already names it. */
export function failureLines({ member, problems }: Failure): string[] {
  return problems.flatMap((problem) => {
    const [text = "", ...more] = problemLines(problem);
    return [member === undefined || isNamedFirst(text, member) ? text : `${member}: ${text}`, ...more];
  });
}

/** Whether a sentence starts with a member's name, and not with a longer word: `shopper` is not `shop`. */
const isNamedFirst = (text: string, member: string): boolean =>
  text.startsWith(member) && /^(?:[\s:,;'(]|$)/.test(text.slice(member.length));

/** Suggests only commands that can work: only a member with a process has logs. */
function afterFailure(failures: readonly Failure[], manifest: Manifest | undefined, onStack: string): string {
  if (isMoved(failures)) return "see the fix above: until then, every deployment to this stack is refused";
  if (isEndedEarly(failures)) return `npx fleet deploy${onStack}: it continues where this run stopped`;
  const member = membersOf(failures).find((name) => manifest?.processes[name]?.processId !== undefined);
  const look = member === undefined ? "" : `; npx fleet logs ${member} --errors${onStack} shows its errors`;
  return `fix it, then run npx fleet deploy${onStack} again: it continues from here${look}`;
}

/** A rollout on hold needs a person's decision first: the same command would only wait again. What an abort returns is in the error. */
function afterHold(failures: readonly Failure[], onStack: string): string {
  const isPaused = failures.some(({ problems }) => problems.some(({ code }) => code === "PAUSED"));
  const order = `npx fleet ${isPaused ? "resume" : "promote"}${onStack}`;
  return `${order}, then npx fleet deploy${onStack} ${AFTER_APPROVAL}; npx fleet abort${onStack} ends the rollout instead`;
}
