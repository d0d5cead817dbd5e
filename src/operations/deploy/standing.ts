/** What became of each member in a run that did not succeed. Pure. */
import type { Manifest } from "../../fleet/members/manifest.ts";
import { type Failure, isEngineKilled, isWaiting } from "./failure.ts";
import type { Heard } from "./heard.ts";
import type { RowState } from "./progress.ts";
import type { DeployOutcome } from "./run.ts";

export interface Standing {
  readonly failed: readonly string[];
  /** Its rollout waits for a person. */
  readonly held: readonly string[];
  /** Changed by this run: spawned, loaded, configured, wired, … */
  readonly done: readonly string[];
  /** In the middle of a step when the run ended. */
  readonly unfinished: readonly string[];
  /** Not changed, perhaps looked at: they ran before. */
  readonly asBefore: readonly string[];
  /** Not reached, and not running before. */
  readonly notYet: readonly string[];
}

/** A member, and what it answered or why it was not heard. */
export interface Said {
  readonly name: string;
  readonly why: string;
}

/** The same, after the processes were asked. */
export interface CheckedStanding extends Standing {
  /** It takes no requests (DRAINING), whatever this run did to it. */
  readonly refusing: readonly string[];
  /** Not changed by this run, and not as it was: RETIRED, other code, … */
  readonly otherwise: readonly Said[];
  /** Not changed by this run, and not heard afterwards; `why` is a stable code. */
  readonly unknown: readonly Said[];
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

/** Whether the run may have changed anything. A step that began may have, however it ended; a run that others kept out has not. */
export function mayHaveChanged(outcome: DeployOutcome): boolean {
  const { done, failed, unfinished } = standing(outcome, undefined);
  if (done.length > 0) return true;
  if (outcome.status === "occupied" || outcome.status === "locked") return false;
  return failed.length + unfinished.length > 0 || isEngineKilled(outcome.failures);
}

/**
 * A standing by the processes' own word: a member runs as before only if every process that has its traffic says so.
 *
 * @param said what each process said, or the code of why none could be asked
 */
export function checked(
  known: Standing,
  said: { readonly heard: readonly Heard[] } | { readonly unasked: string },
): CheckedStanding {
  const heard = "heard" in said ? said.heard : [];
  const about = (name: string) => heard.filter((one) => one.name === name);
  const refusing = new Set(heard.filter(({ state }) => state === "refuses").map(({ name }) => name));
  const others = known.asBefore.filter((name) => !refusing.has(name));
  const saidOf = (state: Heard["state"], name: string): Said[] => {
    const why = about(name).flatMap((one) => (one.state === state && one.why ? [one.why] : []));
    return why.length === 0 ? [] : [{ name, why: [...new Set(why)].join("; ") }];
  };
  const otherwise = others.flatMap((name) => saidOf("differs", name));
  const unsure = others.filter((name) => otherwise.every((one) => one.name !== name));
  const unknown = unsure.flatMap((name) => {
    if ("unasked" in said) return [{ name, why: said.unasked }];
    return about(name).length === 0 ? [{ name, why: "NOT_FOUND" }] : saidOf("unknown", name);
  });
  const asBefore = unsure.filter((name) => unknown.every((one) => one.name !== name));
  return { ...known, asBefore, refusing: [...refusing], otherwise, unknown };
}

export const membersOf = (failures: readonly Failure[]): string[] =>
  failures.flatMap(({ member }) => (member === undefined ? [] : [member]));
