import type { Problem } from "../../core/errors.ts";
import { isWaitingCode } from "../../delivery/phase.ts";
import type { Diagnostic, ToldFailure } from "./progress.ts";

/** Why one member, or the run as a whole, failed. */
export interface Failure {
  /** None when it is the program or pulumi itself. */
  readonly member?: string;
  /** As the provider or the program said it; a text that is no such problem has the code `ENGINE`. */
  readonly problems: readonly Problem[];
}

/** The errors of a run by member, each said once. Pure. */
export function failuresOf(diagnostics: readonly Diagnostic[]): Failure[] {
  const byMember = new Map<string | undefined, Map<string, Problem>>();
  for (const { severity, member, text } of diagnostics) {
    if (severity !== "error") continue;
    const problems = byMember.get(member) ?? new Map<string, Problem>();
    for (const problem of parseProblems(text))
      problems.set(`${problem.code} ${problem.what} ${problem.at}`, problem);
    byMember.set(member, problems);
  }
  return [...byMember].map(([member, problems]) => ({
    ...(member === undefined ? {} : { member }),
    problems: [...problems.values()],
  }));
}

/**
 * Whether trying the whole run again may help: the step that failed said so of each failure, and none said otherwise. Pure.
 *
 * @param told the steps that failed, as they told it themselves
 */
export function isPassing(failures: readonly Failure[], told: readonly ToldFailure[]): boolean {
  if (failures.length === 0 || told.some(({ transient }) => !transient)) return false;
  const passing = new Set(told.map(({ code }) => code));
  return failures.every(({ problems }) => problems.some(({ code }) => passing.has(code)));
}

/** Whether another operator's run got the fleet: nothing was done. */
export function isOccupied(failures: readonly Failure[]): boolean {
  return failures.some(({ problems }) => problems.some(({ code }) => code === "DEPLOYMENT_IN_PROGRESS"));
}

/** Whether nothing failed: the rollout waits. */
export function isWaiting(failures: readonly Failure[]): boolean {
  const all = failures.flatMap(({ problems }) => problems);
  return all.length > 0 && all.every(({ code }) => isWaitingCode(code));
}

const FIELD = /^ {2}(at|got|expected|to do): +(.*)$/;

/** Reads back what `formatProblem` wrote. A text without a code is one problem of the engine. */
export function parseProblems(text: string): Problem[] {
  const found: { what: string; code: string; fields: Record<string, string> }[] = [];
  let last: string | undefined;
  let loose: string[] = [];
  for (const line of text.split("\n")) {
    const head = /^(.*) \[([A-Z][A-Z0-9_]+)\]$/.exec(line);
    const field = FIELD.exec(line);
    const current = found.at(-1);
    if (head) {
      // A sentence may go over several lines before its code.
      found.push({
        what: [...loose, head[1] ?? ""].join("\n").replace(/^(Error|error): /, ""),
        code: head[2] ?? "",
        fields: {},
      });
      loose = [];
      last = undefined;
    } else if (current && field) {
      last = field[1] ?? "";
      current.fields[last] = field[2] ?? "";
    } else if (current && last !== undefined && line.trim() !== "" && line.startsWith(" ")) {
      current.fields[last] += `\n${line}`;
    } else if (line.trim() !== "") loose.push(line);
  }
  if (found.length === 0) {
    return [
      {
        code: "ENGINE",
        what: text.trim(),
        remedy: "Read the run's log; npx fleet doctor looks at this machine.",
      },
    ];
  }
  return found.map(({ what, code, fields }) => ({
    code,
    what,
    ...(fields.at === undefined ? {} : { at: fields.at }),
    ...(fields.got === undefined ? {} : { got: fields.got }),
    ...(fields.expected === undefined ? {} : { expected: fields.expected }),
    remedy: fields["to do"] ?? "Read the run's log.",
  }));
}

/** Who holds a stack, from pulumi's words: `…: created by ann@laptop (pid 4711) at 2026-…`. */
export function lockHolders(text: string): string[] {
  return [...text.matchAll(/created by (\S+ \(pid \d+\) at \S+)/g)].map((match) => match[1] ?? "");
}
