/**
 * The state machine of a rollout: from a verdict and a person's command to the next move. Everything that must survive a crash is
 * in the router's table, so a run that takes over starts with the same `Position`.
 */
import { amount } from "../core/amount.ts";
import type { Phase } from "./phase.ts";
import { percent, type Step } from "./steps.ts";
import { ALL_TRAFFIC_BP, type Strategy } from "./strategy.ts";
import type { Verdict } from "./verdict.ts";
import type { HoldCode, TrafficCommand } from "./wire.ts";

/** The rollout holds after this many failed measurements in a row. */
export const MAX_FAILED_MEASUREMENTS = 4;

/** Allowed phase transitions: what the machine may return. Exported for tests. */
export const FOLLOWS: Readonly<Record<Phase, readonly Phase[]>> = {
  PREPARING: ["DEPLOYING_GREEN", "HEALTH_VALIDATION", "FAILED"],
  DEPLOYING_GREEN: ["HEALTH_VALIDATION", "FAILED"],
  // A release without traffic to shift is complete once everything is proven; a resumed one continues to monitor or is still held.
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

/** The position of a rollout. */
export interface Position {
  /** Index into the steps. */
  readonly step: number;
  /** Verdicts in a row that were inconclusive. */
  readonly inconclusive: number;
  /** Failed measurements in a row. */
  readonly errors: number;
}

/** What to do next. */
export type Move =
  /** The same share for another interval. */
  | { readonly kind: "watch"; readonly reason: string }
  | { readonly kind: "step"; readonly to: number; readonly by: "judge" | "person" }
  /** The table becomes the steady one. `by`: `judge` if the verdict is a pass, `person` if somebody promoted it without one. */
  | { readonly kind: "finish"; readonly by: "judge" | "person" }
  /** Waits for a person, or for the next run; `gate` if declared. */
  | {
      readonly kind: "hold";
      readonly why: Exclude<HoldCode, "stranded" | "abandoned">;
      readonly reason: string;
    }
  /** All traffic to the last proven table. */
  | { readonly kind: "back"; readonly reason: string };

/** What intervals without a verdict lack. */
const WITHOUT = {
  inconclusive: "without enough data",
  disputed: "in which callers disagree",
  uncompared: "without a comparison",
} as const;

/**
 * The move after a verdict at a step. `promote` opens a gate and replaces a missing verdict; it overrules a failed one only if
 * failures do not roll back automatically. `pause` holds whatever the verdict; `abort` rolls back. Pure.
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
  // A person who promotes a frozen rollout knows why it was frozen.
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
      if (errors >= MAX_FAILED_MEASUREMENTS)
        return still({ kind: "hold", why: "error", reason }, { errors: 0 });
      return still({ kind: "watch", reason: verdict.text }, { errors });
    }
    if (verdict.outcome === "inconclusive") {
      const inconclusive = at.inconclusive + 1;
      const why = verdict.why ?? "inconclusive";
      const reason = `${amount(inconclusive, "interval")} ${WITHOUT[why]}: ${verdict.text}`;
      if (inconclusive >= strategy.maxInconclusive)
        return still({ kind: "hold", why, reason }, { inconclusive: 0, errors: 0 });
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

/** The phase while a step is watched: MONITORING once all traffic has been switched. */
export const phaseAt = (steps: readonly Step[], step: number): Phase =>
  step >= steps.length - 1 || (steps[step]?.weightBp ?? 0) >= ALL_TRAFFIC_BP
    ? "MONITORING"
    : "TRAFFIC_SWITCHING";
