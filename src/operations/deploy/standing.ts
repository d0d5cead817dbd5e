/** The status of each member after a run. Pure. */
import type { Manifest } from "../../fleet/members/manifest.ts";
import { type Failure, isEngineKilled, isWaiting } from "./failure.ts";
import type { ProcessAnswer } from "./process-answers.ts";
import type { RowState } from "./progress.ts";
import type { DeployOutcome } from "./run.ts";

/** Names of members by their status. */
interface Standing {
  readonly failed: readonly string[];
  /** Its rollout is on hold. */
  readonly held: readonly string[];
  /** Changed by this run: spawned, loaded, configured, wired, … */
  readonly done: readonly string[];
  /** In the middle of a step when the run ended. */
  readonly unfinished: readonly string[];
  /** Not changed by this run, and running before it. */
  readonly asBefore: readonly string[];
  /** Not reached by this run, and not running before it. */
  readonly notYet: readonly string[];
}

/** A member, and what it answered or why it did not. */
export interface NamedReason {
  readonly name: string;
  readonly why: string;
}

/** The same, checked against the answers of the processes. */
export interface CheckedStanding extends Standing {
  /** Refuses requests (DRAINING), whatever this run did to it. */
  readonly refusing: readonly string[];
  /** Not changed by this run, but different from before: RETIRED, other code, … */
  readonly otherwise: readonly NamedReason[];
  /** Not changed by this run, and without an answer afterwards; `why` is a stable code. */
  readonly unknown: readonly NamedReason[];
}

/** The status of each member, by the run's progress and the manifest. Pure. */
export function standing({ progress, failures }: DeployOutcome, manifest: Manifest | undefined): Standing {
  const rows = progress.rows().filter(({ kind }) => kind === "process");
  const rowsThat = (state: RowState) => rows.filter((row) => row.state === state).map(({ name }) => name);
  const held = new Set([...rowsThat("held"), ...membersOf(failures.filter((one) => isWaiting([one])))]);
  const failed = new Set([
    ...membersOf(failures.filter((one) => !isWaiting([one]))),
    ...rowsThat("failed").filter((name) => !held.has(name)),
  ]);
  const by = (state: RowState) => rowsThat(state).filter((name) => !failed.has(name) && !held.has(name));
  const running = progress.rows().filter(({ state }) => state === "running");
  const unfinished = running.map(({ name }) => name).filter((name) => !failed.has(name) && !held.has(name));
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
    unfinished,
    asBefore: [...asBefore],
    notYet: by("waiting").filter((name) => !asBefore.has(name)),
  };
}

/** Whether the run may have changed anything. Every step that started may have; a run that was locked out has not. */
export function mayHaveChanged(outcome: DeployOutcome): boolean {
  const { done, failed, unfinished } = standing(outcome, undefined);
  if (done.length > 0) return true;
  if (outcome.status === "occupied" || outcome.status === "locked") return false;
  return failed.length + unfinished.length > 0 || isEngineKilled(outcome.failures);
}

/**
 * Checks a standing against the processes' answers: a member runs as before only if every process that has its traffic confirms it.
 *
 * @param said the answers, or the code of the reason why no process could be asked
 */
export function checkAgainstAnswers(
  known: Standing,
  said: { readonly answers: readonly ProcessAnswer[] } | { readonly unreachable: string },
): CheckedStanding {
  const answers = "answers" in said ? said.answers : [];
  const about = (name: string) => answers.filter((one) => one.name === name);
  const refusing = new Set(answers.filter(({ state }) => state === "refuses").map(({ name }) => name));
  const others = known.asBefore.filter((name) => !refusing.has(name));
  const saidOf = (state: ProcessAnswer["state"], name: string): NamedReason[] => {
    const why = about(name).flatMap((one) => (one.state === state && one.why ? [one.why] : []));
    return why.length === 0 ? [] : [{ name, why: [...new Set(why)].join("; ") }];
  };
  const otherwise = others.flatMap((name) => saidOf("differs", name));
  const unsure = others.filter((name) => otherwise.every((one) => one.name !== name));
  const unknown = unsure.flatMap((name) => {
    if ("unreachable" in said) return [{ name, why: said.unreachable }];
    return about(name).length === 0 ? [{ name, why: "NOT_FOUND" }] : saidOf("unknown", name);
  });
  const asBefore = unsure.filter((name) => unknown.every((one) => one.name !== name));
  return { ...known, asBefore, refusing: [...refusing], otherwise, unknown };
}

/** Codes of processes that do not answer again by themselves, or of which that is not known. */
const DEAD: ReadonlySet<string> = new Set(["PROCESS_RUINED", "PROCESS_STUCK", "PROCESS_GONE"]);

/** The members that a run left as they are and whose process does not work any more; `why` is one of these codes. Pure. */
export const deadIn = ({ otherwise, unknown }: CheckedStanding): NamedReason[] =>
  [...otherwise, ...unknown].filter(({ why }) => DEAD.has(why));

/** The status of each member, without those whose health a run that succeeded has checked. Pure. */
export function uncheckedIn(outcome: DeployOutcome, manifest: Manifest | undefined): Standing {
  const known = standing(outcome, manifest);
  if (outcome.status !== "succeeded") return known;
  const ready = outcome.progress.rows().filter(({ phases }) => phases.some(({ phase }) => phase === "ready"));
  const checked = new Set(ready.map(({ name }) => name));
  return { ...known, asBefore: known.asBefore.filter((name) => !checked.has(name)) };
}

/** Whether there is any process to ask after a run. Pure. */
export const hasProcess = (
  { asBefore, done }: Standing,
  { status }: Pick<DeployOutcome, "status">,
  manifest: Manifest | undefined,
): boolean =>
  asBefore.length > 0 ||
  (status !== "succeeded" &&
    (done.length > 0 ||
      Object.values(manifest?.processes ?? {}).some(({ processId }) => processId !== undefined)));

/** The status of a member that the run left as it is, if it is another one than before. Pure. */
export function answerOf(name: string, stands: CheckedStanding | undefined): string | undefined {
  if (stands === undefined) return undefined;
  if (stands.refusing.includes(name)) return "DRAINING";
  const differs = stands.otherwise.find((one) => one.name === name);
  if (differs !== undefined) return differs.why;
  const unknown = stands.unknown.find((one) => one.name === name);
  return unknown === undefined ? undefined : `UNKNOWN (${unknown.why})`;
}

/** Names of the members that failed. */
export const membersOf = (failures: readonly Failure[]): string[] =>
  failures.flatMap(({ member }) => (member === undefined ? [] : [member]));
