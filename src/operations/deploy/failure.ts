import type { Problem } from "../../core/errors.ts";
import { isWaitingCode } from "../../delivery/phase.ts";
import type { Diagnostic, ToldFailure } from "./progress.ts";
import { saysConnectionLost } from "./pulumi-text.ts";

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

/** Codes of a run whose processes ended before their work did: nothing is wrong with what was to be deployed. */
const ENDED: ReadonlySet<string> = new Set(["ENGINE_KILLED", "PROVIDER_ENDED"]);

/** Whether nothing failed but a process of pulumi that ended too early: the same command again goes on. */
export function isCutShort(failures: readonly Failure[]): boolean {
  const all = failures.flatMap(({ problems }) => problems);
  return all.length > 0 && all.every(({ code }) => ENDED.has(code));
}

/** Whether pulumi was killed: what it did last, nobody heard. */
export const isEngineKilled = (failures: readonly Failure[]): boolean =>
  failures.some(({ problems }) => problems.some(({ code }) => code === "ENGINE_KILLED"));

/** Pulumi did not end by itself. */
export const engineKilled = (signal: string): Problem => ({
  code: "ENGINE_KILLED",
  what: `Pulumi was ended by ${signal} before its run was over.`,
  got: signal,
  expected: "a pulumi that runs to its end",
  remedy: `Run npx fleet deploy again: it goes on where this run stopped. ${MEMORY}`,
});

const providerEnded = (text: string): Problem => ({
  code: "PROVIDER_ENDED",
  what: "The provider process that Pulumi started ended in the middle of this step.",
  got: text,
  expected: "a provider that runs until Pulumi ends it",
  remedy: `Run npx fleet deploy again: it goes on where this run stopped. ${MEMORY} If it ends again without that, the run's log has its last words.`,
});

const MEMORY = "If nobody ended it, the machine may be out of memory.";

const FIELD = /^ {2}(at|got|expected|to do): +(.*)$/;

/** Reads back what `formatProblem` wrote: pulumi hands on the text of an error alone. One without a code is one problem of the engine. */
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
    const what = text.trim().replace(/^error: /, "");
    if (saysConnectionLost(what)) return [providerEnded(what)];
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
