/**
 * How a rollout goes on: a verdict and what people said, in; the next move, out. Everything that must outlive a crash is in the
 * router's table, so a run that takes over begins with the same `Position`.
 */
import { amount } from "../core/amount.ts";
import type { Phase } from "./phase.ts";
import { percent, type Step } from "./steps.ts";
import { type Strategy, WHOLE } from "./strategy.ts";
import type { Verdict } from "./verdict.ts";
import type { HoldCode, TrafficCommand } from "./wire.ts";

/** Measurements in a row that could not be made, after which the rollout holds. */
export const MOST_ERRORS = 4;

/** Which phases may follow which. */
export const FOLLOWS: Readonly<Record<Phase, readonly Phase[]>> = {
  PREPARING: ["DEPLOYING_GREEN", "HEALTH_VALIDATION", "FAILED"],
  DEPLOYING_GREEN: ["HEALTH_VALIDATION", "FAILED"],
  // A release in which nothing moves is complete when all is proved; one that is resumed monitors on or is held still.
  HEALTH_VALIDATION: ["TRAFFIC_SWITCHING", "MONITORING", "HELD", "COMPLETED", "FAILED"],
  TRAFFIC_SWITCHING: ["MONITORING", "HELD", "COMPLETED", "FAILED", "ROLLING_BACK"],
  MONITORING: ["COMPLETED", "HELD", "FAILED", "ROLLING_BACK"],
  HELD: [
    "TRAFFIC_SWITCHING",
    "MONITORING",
    "HEALTH_VALIDATION",
    "COMPLETED",
    "FAILED",
    "ROLLING_BACK",
    "PREPARING",
  ],
  COMPLETED: ["PREPARING", "ROLLING_BACK"],
  FAILED: ["ROLLING_BACK", "PREPARING"],
  ROLLING_BACK: ["ROLLED_BACK", "FAILED"],
  ROLLED_BACK: ["PREPARING"],
};

/** Phases after which a run has nothing left to do. */
export const isEnd = (phase: Phase): boolean => phase === "COMPLETED" || phase === "ROLLED_BACK";

/** Where a rollout is. */
export interface Position {
  /** Index into the steps. */
  readonly step: number;
  /** Verdicts in a row that were inconclusive. */
  readonly inconclusive: number;
  /** Verdicts in a row that could not be made. */
  readonly errors: number;
}

/** What to do next. */
export type Move =
  /** The same share for another interval. */
  | { readonly kind: "watch"; readonly reason: string }
  | { readonly kind: "step"; readonly to: number; readonly by: "judge" | "person" }
  /** The table becomes the steady one. `by`: `judge` where the verdict is good, `person` where somebody promoted it without one. */
  | { readonly kind: "finish"; readonly by: "judge" | "person" }
  /** Waits for a person, or for the next run; `gate` when that was declared. */
  | {
      readonly kind: "hold";
      readonly why: Exclude<HoldCode, "stranded" | "abandoned">;
      readonly reason: string;
    }
  /** All traffic to the last proven table. */
  | { readonly kind: "back"; readonly reason: string };

/**
 * The move after a verdict at a step. `promote` opens a gate and stands for a verdict that is missing; for a bad one only
 * where that one does not go back by itself. `pause` holds whatever the verdict; `abort` goes back. Pure.
 */
export function decide(
  strategy: Pick<Strategy, "rollbackOnFailure" | "onFailure" | "maxInconclusive">,
  steps: readonly Step[],
  at: Position,
  verdict: Verdict,
  command?: TrafficCommand,
): { move: Move; at: Position } {
  const still = (move: Move, changes: Partial<Position> = {}) => ({ move, at: { ...at, ...changes } });
  if (command === "abort") return still({ kind: "back", reason: "aborted by hand" });
  const goesBack = strategy.onFailure === "rollback" && strategy.rollbackOnFailure;
  // Who promotes what was frozen has seen why.
  if (verdict.outcome === "fail" && (goesBack || command !== "promote"))
    return still(
      goesBack
        ? { kind: "back", reason: verdict.text }
        : { kind: "hold", why: "failed", reason: verdict.text },
    );
  if (command === "pause") return still({ kind: "hold", why: "paused", reason: "paused by hand" });
  if (command !== "promote") {
    if (verdict.outcome === "error") {
      const errors = at.errors + 1;
      const reason = `${amount(errors, "measurement")} in a row could not be made: ${verdict.text}`;
      if (errors >= MOST_ERRORS) return still({ kind: "hold", why: "error", reason }, { errors: 0 });
      return still({ kind: "watch", reason: verdict.text }, { errors });
    }
    if (verdict.outcome === "inconclusive") {
      const inconclusive = at.inconclusive + 1;
      const reason = `${amount(inconclusive, "interval")} without enough to judge by: ${verdict.text}`;
      if (inconclusive >= strategy.maxInconclusive)
        return still({ kind: "hold", why: "inconclusive", reason }, { inconclusive: 0, errors: 0 });
      return still({ kind: "watch", reason: verdict.text }, { inconclusive, errors: 0 });
    }
    const step = steps[at.step];
    if (step?.gate)
      return still({
        kind: "hold",
        why: "gate",
        reason: `a gate at ${percent(step.weightBp)} waits for fleet promote`,
      });
  }
  const by = verdict.outcome === "pass" ? "judge" : "person";
  if (at.step + 1 >= steps.length) return still({ kind: "finish", by }, { inconclusive: 0, errors: 0 });
  return {
    move: { kind: "step", to: at.step + 1, by },
    at: { step: at.step + 1, inconclusive: 0, errors: 0 },
  };
}

/** The phase while a step is watched: all of the traffic is switched at the last one. */
export const phaseAt = (steps: readonly Step[], step: number): Phase =>
  step >= steps.length - 1 || (steps[step]?.weightBp ?? 0) >= WHOLE ? "MONITORING" : "TRAFFIC_SWITCHING";
