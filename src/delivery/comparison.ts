/**
 * Differences between the revisions: before a request counts against green, it is asked of blue without effect. This decides which
 * requests are asked, and the judge what the answers mean; `providers/traffic/compare.ts` asks.
 */
import { own as ownValue } from "../core/own.ts";
import type { CallerMetrics } from "./caller-figures.ts";

/** How a request can count against green. */
export type Failing = "fault" | "refusal" | "slow";

/**
 * What blue does with a request that counts against green:
 *
 * - `same`: it fails as badly, or is as slow, so the request says nothing about green
 * - `differs`: it answers, and green fails again
 * - `again`: green fails again, and blue cannot be compared with it: its state is older, or it gives no answer by itself
 * - `unknown`: green does not fail again, no unit answers, or the request is not kept
 */
export type Compared = "same" | "differs" | "again" | "unknown";

/** By kind and caller: what became of its request that was compared. Callers that were not drawn are absent. */
export type Comparisons = Readonly<Record<Failing, Readonly<Record<string, Compared>>>>;

export const NOT_COMPARED: Comparisons = { fault: {}, refusal: {}, slow: {} };

/** A request to compare. */
export interface Question {
  readonly caller: string;
  readonly kind: Failing;
  /** Slot of the router's message in which it was sent. */
  readonly slot: number;
  /** The code with which green failed it; empty for a slow answer. */
  readonly code: string;
}

/**
 * Requests that are compared for each kind, known or new callers, and verdict, besides those of the callers of longest standing. Each costs two
 * reads of the router's history and at most two dry runs.
 */
export const MOST_COMPARED = 12;

/**
 * A sample of the callers' requests of a kind, at most one of each caller: of all `first`, and of some others. Those are drawn by chance at the
 * judge, so nobody can arrange to be drawn. Pure, except for `random`.
 */
export function drawn(
  callers: readonly CallerMetrics[],
  kind: Failing,
  random: () => number = Math.random,
  first: ReadonlySet<string> = new Set(),
): Question[] {
  const all = callers.flatMap((caller): Question[] => {
    const of = kind === "fault" ? caller.fault : kind === "refusal" ? caller.refusal : caller;
    if (of?.slot === undefined) return [];
    return [{ caller: caller.id, kind, slot: of.slot, code: "code" in of ? String(of.code) : "" }];
  });
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j] as Question, all[i] as Question];
  }
  const rest = all.filter(({ caller }) => !first.has(caller));
  return [...all.filter(({ caller }) => first.has(caller)), ...rest.slice(0, MOST_COMPARED)];
}

/** How many of the compared requests of some callers had each outcome. */
export function outcomesOf(
  callers: readonly CallerMetrics[],
  compared: Readonly<Record<string, Compared>>,
): Record<Compared, number> {
  const counts = { same: 0, differs: 0, again: 0, unknown: 0 };
  for (const { id } of callers) {
    const outcome = ownValue(compared, id);
    if (outcome !== undefined) counts[outcome] += 1;
  }
  return counts;
}
