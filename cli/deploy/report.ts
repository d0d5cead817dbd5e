import { formatProblem } from "../../core/errors.ts";
import { GOES_ON } from "../../delivery/index.ts";
import type { Manifest } from "../../providers/run/manifest.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { type Failure, isCutShort, isWaiting } from "./failure.ts";
import type { RowState } from "./progress.ts";
import type { DeployOutcome, DeployStatus } from "./run.ts";

export const EXIT_OF: Readonly<Record<DeployStatus, ExitCode>> = {
  succeeded: EXIT.ok,
  failed: EXIT.failed,
  held: EXIT.held,
  locked: EXIT.locked,
  occupied: EXIT.locked,
  timeout: EXIT.timeout,
  interrupted: EXIT.interrupted,
};

/** What became of each member in a run that did not succeed. */
export interface Standing {
  readonly failed: readonly string[];
  /** Its rollout waits for a person. */
  readonly held: readonly string[];
  /** Changed by this run: spawned, loaded, configured, wired, … */
  readonly done: readonly string[];
  /** Not changed, perhaps looked at: they run what they ran before. */
  readonly asBefore: readonly string[];
  /** Not reached, and not running before. */
  readonly notYet: readonly string[];
}

export function standing({ progress, failures }: DeployOutcome, manifest: Manifest | undefined): Standing {
  const rows = progress.rows().filter(({ kind }) => kind === "process");
  const rowsThat = (state: RowState) => rows.filter((row) => row.state === state).map(({ name }) => name);
  const held = new Set([...rowsThat("held"), ...membersOf(failures.filter((one) => isWaiting([one])))]);
  const failed = new Set([
    ...membersOf(failures.filter((one) => !isWaiting([one]))),
    ...rowsThat("failed").filter((name) => !held.has(name)),
  ]);
  const by = (state: RowState) => rowsThat(state).filter((name) => !failed.has(name) && !held.has(name));
  const touched = new Set(
    rows.filter(({ state }) => state !== "same" && state !== "waiting").map(({ name }) => name),
  );
  const known = Object.entries(manifest?.processes ?? {});
  const active = known.filter(([, { status }]) => status === "ACTIVE").map(([name]) => name);
  const asBefore = new Set([
    ...by("same"),
    ...active.filter((name) => !touched.has(name) && !failed.has(name)),
  ]);
  return {
    failed: [...failed],
    held: [...held],
    done: by("done"),
    asBefore: [...asBefore],
    notYet: by("waiting").filter((name) => !asBefore.has(name)),
  };
}

/** The end of a run in words: what failed and why, what runs, what to do. */
export function reportLines(outcome: DeployOutcome, stack: string, manifest: Manifest | undefined): string[] {
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
    const what = busy.map(({ name, phase }) => `${name} (after: ${phase})`).join(", ");
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
  const { failed, held, done, asBefore, notYet } = standing(outcome, manifest);
  lines.push("");
  const list = (title: string, names: readonly string[]) => {
    if (names.length > 0) lines.push(`${title.padEnd(22)} ${names.join(", ")}`);
  };
  list("failed:", failed);
  list("waiting:", held);
  list("deployed in this run:", done);
  list("running as before:", asBefore);
  list("not reached:", notYet);
  lines.push(`${"log:".padEnd(22)} ${outcome.log}`);
  if (status === "failed") lines.push(`${"next:".padEnd(22)} ${afterFailure(failures, manifest)}`);
  if (status === "held") lines.push(`${"next:".padEnd(22)} ${afterHold(failures)}`);
  return lines;
}

const membersOf = (failures: readonly Failure[]): string[] =>
  failures.flatMap(({ member }) => (member === undefined ? [] : [member]));

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
