import { type Problem, throwAll } from "../../core/errors.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { PlannedStep } from "../deploy/progress.ts";
import type { MemberPlan } from "./member-plan.ts";

/**
 * Compares the engine's plan with the planned rollback: it must not replace or retire a process, and may create only members that do not
 * run. It may delete what a failed deployment created and no release contains. Pure.
 *
 * @throws FleetError UNEXPECTED_STEP
 */
export function assertExpectedSteps(
  steps: readonly PlannedStep[],
  plans: readonly MemberPlan[],
  current: ReleaseDocument | undefined,
): void {
  const problems: Problem[] = [];
  const known = { ...current?.warm, ...current?.declaration };
  for (const { op, name, kind } of steps) {
    if (kind !== "process") continue;
    const plan = plans.find((member) => member.name === name);
    const made = op === "create" && plan?.kind !== "new";
    const gone = op.startsWith("delete") && known[name] !== undefined;
    if (!made && !gone && !op.includes("replace")) continue;
    problems.push({
      code: "UNEXPECTED_STEP",
      what: `The plan would ${op} the process ${name}. A rollback must not do that.`,
      got: op,
      expected: "an update in place, or nothing",
      remedy: "Nothing was changed. Compare the state with what runs: npx fleet status, npx pulumi refresh",
    });
  }
  throwAll(problems);
}
