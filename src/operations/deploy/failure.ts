import { formatProblems, type Problem } from "../../core/errors.ts";
import { isWaitingCode } from "../../delivery/phase.ts";
import { SECRET } from "../../fleet/session/secrets.ts";
import type { Ended } from "./clock.ts";
import type { Diagnostic, ReportedFailure, StepFailure } from "./progress.ts";
import { isConnectionLost } from "./pulumi-text.ts";

/** Why one member, or the run as a whole, failed. */
export interface Failure {
  /** Absent if the program or pulumi itself failed. */
  readonly member?: string;
  /** The problems of the provider or the program; other text becomes a problem with the code `ENGINE`. */
  readonly problems: readonly Problem[];
}

/**
 * The errors of a run by member, without duplicates. Pulumi repeats what was reported as data as the text of a diagnostic, which is not
 * read unless it hides a secret that the report shows. Any other text is foreign, and is parsed. Pure.
 *
 * @param reported what the program and the providers reported
 */
export function failuresOf(
  diagnostics: readonly Diagnostic[],
  reported: readonly ReportedFailure[],
): Failure[] {
  const byMember = new Map<string | undefined, Map<string, Problem>>();
  const add = (member: string | undefined, found: readonly Problem[]) => {
    const problems = byMember.get(member) ?? new Map<string, Problem>();
    for (const problem of found) problems.set(`${problem.code} ${problem.what} ${problem.at}`, problem);
    byMember.set(member, problems);
  };
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  for (const { member, problems } of reported) {
    const hidden = errors.find((one) => one.member === member && hidesMore(one.text, problems));
    add(member, hidden === undefined ? problems : parseProblems(hidden.text));
  }
  for (const { member, text } of errors) {
    if (!reported.some((one) => one.member === member && repeats(text, one.problems)))
      add(member, parseProblems(text));
  }
  return [...byMember].map(([member, problems]) => ({
    ...(member === undefined ? {} : { member }),
    problems: [...problems.values()],
  }));
}

const isComplete = (text: string, problems: readonly Problem[]): boolean =>
  text.includes(formatProblems(problems).trim());

const codesOf = (problems: readonly Problem[]): string => problems.map(({ code }) => code).join(" ");

/** Whether a diagnostic is about these problems: with their text, or with their codes where one of the two hides a secret. */
function repeats(text: string, problems: readonly Problem[]): boolean {
  if (isComplete(text, problems)) return true;
  const hides = text.includes(SECRET) || formatProblems(problems).includes(SECRET);
  return hides && codesOf(parseProblems(text)) === codesOf(problems);
}

/** Whether a diagnostic about these problems hides a secret that they do not. Its text is then shown instead. */
const hidesMore = (text: string, problems: readonly Problem[]): boolean =>
  text.includes(SECRET) && !isComplete(text, problems) && repeats(text, problems);

/**
 * Whether repeating the whole run may help: every failure belongs to a step that reported it as transient. Pure.
 *
 * @param reported what the failed steps reported
 */
export function isTransient(failures: readonly Failure[], reported: readonly StepFailure[]): boolean {
  if (failures.length === 0 || reported.some(({ transient }) => !transient)) return false;
  const passing = new Set(reported.map(({ code }) => code));
  return failures.every(({ problems }) => problems.some(({ code }) => passing.has(code)));
}

/** Whether another operator's run holds the fleet, so that nothing was done. */
export function isOccupied(failures: readonly Failure[]): boolean {
  return failures.some(({ problems }) => problems.some(({ code }) => code === "DEPLOYMENT_IN_PROGRESS"));
}

/** Whether nothing failed, and the rollout is on hold. */
export function isWaiting(failures: readonly Failure[]): boolean {
  const all = failures.flatMap(({ problems }) => problems);
  return all.length > 0 && all.every(({ code }) => isWaitingCode(code));
}

/** Codes of a run whose pulumi or provider ended too early, through no fault of the program. */
const ENDED_EARLY: ReadonlySet<string> = new Set(["ENGINE_KILLED", "PROVIDER_ENDED"]);

/** Whether the only failure is that pulumi or a provider ended too early: the same command continues the run. */
export function isEndedEarly(failures: readonly Failure[]): boolean {
  const all = failures.flatMap(({ problems }) => problems);
  return all.length > 0 && all.every(({ code }) => ENDED_EARLY.has(code));
}

/** Whether pulumi was killed, so that its last steps are unknown. */
export const isEngineKilled = (failures: readonly Failure[]): boolean =>
  failures.some(({ problems }) => problems.some(({ code }) => code === "ENGINE_KILLED"));

/** The problem of a pulumi that was killed. */
export const engineKilled = (signal: string): Problem => ({
  code: "ENGINE_KILLED",
  what: `Pulumi was killed by ${signal} before its run finished.`,
  got: signal,
  expected: "a pulumi process that runs to completion",
  remedy: `Run npx fleet deploy again: it continues where this run stopped. ${MEMORY}`,
});

/** The problem of a preview that was asked to stop. */
export const previewEnded = (why: Ended): Problem =>
  why === "timeout"
    ? {
        code: "TIMEOUT",
        what: "The preview reached the time limit. Nothing was changed.",
        remedy: "Run the same command again with a longer --timeout.",
      }
    : {
        code: "INTERRUPTED",
        what: "The preview was interrupted. Nothing was changed.",
        remedy: "Run the same command again.",
      };

const providerEnded = (text: string): Problem => ({
  code: "PROVIDER_ENDED",
  what: "The provider process ended in the middle of this step.",
  got: text,
  expected: "a provider that runs until Pulumi stops it",
  remedy: `Run npx fleet deploy again: it continues where this run stopped. ${MEMORY} If it ends again for another reason, see the last lines of the run's log.`,
});

const MEMORY = "If nobody stopped it, the machine may be out of memory.";

const FIELD = /^ {2}(at|got|expected|fix): +(.*)$/;

/**
 * Parses text that nobody reported as data: pulumi's own, what a program throws itself, and the errors of a provider of version 0.1.0, which
 * are as `formatProblem` prints them. Text without a code becomes one problem with the code `ENGINE`.
 */
export function parseProblems(text: string): Problem[] {
  const found: { what: string; code: string; fields: Record<string, string> }[] = [];
  let last: string | undefined;
  let loose: string[] = [];
  for (const line of text.split("\n")) {
    // Indented lines continue a sentence or a field: what a process wrote is no problem of its own.
    const head = /^(?! {12})(.*) \[([A-Z][A-Z0-9_]+)\]$/.exec(line);
    const field = FIELD.exec(line);
    const current = found.at(-1);
    if (head) {
      // A sentence may span several lines before its code.
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
      current.fields[last] += `\n${line.replace(/^ {12}/, "")}`;
    } else if (current && loose.length === 0 && /^ {12}\S/.test(line)) {
      current.what += `\n${line.trimStart()}`;
    } else if (line.trim() !== "") loose.push(line);
  }
  if (found.length === 0) {
    const what = text.trim().replace(/^error: /, "");
    if (isConnectionLost(what)) return [providerEnded(what)];
    return [
      {
        code: "ENGINE",
        what: text.trim(),
        remedy: "Read the run's log; npx fleet doctor checks this machine.",
      },
    ];
  }
  return found.map(({ what, code, fields }) => ({
    code,
    what,
    ...(fields.at === undefined ? {} : { at: fields.at }),
    ...(fields.got === undefined ? {} : { got: fields.got }),
    ...(fields.expected === undefined ? {} : { expected: fields.expected }),
    remedy: fields.fix ?? "Read the run's log.",
  }));
}
