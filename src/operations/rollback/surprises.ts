import { type Problem, throwAll } from "../../core/errors.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { PlannedStep } from "../deploy/progress.ts";
import type { MemberWay } from "./member-way.ts";

/**
 * Holds the engine's plan against the ways that were worked out: no process is replaced or retired, and none is made but those that
 * do not run. What a failed deployment brought, and no release knows, may go. Pure.
 *
 * @throws FleetError SURPRISE
 */
export function surprises(
  steps: readonly PlannedStep[],
  ways: readonly MemberWay[],
  current: ReleaseDocument | undefined,
): void {
  const problems: Problem[] = [];
  const known = { ...current?.warm, ...current?.declaration };
  for (const { op, name, kind } of steps) {
    if (kind !== "process") continue;
    const way = ways.find((member) => member.name === name);
    const made = op === "create" && way?.kind !== "new";
    const gone = op.startsWith("delete") && known[name] !== undefined;
    if (!made && !gone && !op.includes("replace")) continue;
    problems.push({
      code: "SURPRISE",
      what: `The plan would ${op} the process ${name}, which no rollback may do.`,
      got: op,
      expected: "an update in place, or nothing",
      remedy:
        "Nothing was changed. npx fleet status and pulumi refresh show how the state differs from what runs.",
    });
  }
  throwAll(problems);
}
