import { budgetOf } from "../../core/budget.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { judge, probe } from "../../fleet/health/probe.ts";
import { HealthPolicySchema } from "../../fleet/health/schema.ts";
import { probeWithoutLibrary } from "../../fleet/health/without-library.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { classifyFailedRead } from "../observe/unanswered.ts";
import type { MemberPlan } from "./member-plan.ts";

/** The health of a member after a rollback. */
export interface Validated {
  readonly name: string;
  readonly processId: string;
  readonly status: string;
  /** Why it is not healthy; empty if it is. */
  readonly reasons: readonly string[];
  readonly version?: string;
  readonly sourceHash?: string;
}

/** Checks every member that was rolled back: all four kinds of health, at the version and code of the release. */
export async function validate(
  fleet: FleetSession,
  target: ReleaseDocument,
  plans: readonly MemberPlan[],
): Promise<Validated[]> {
  const touched = plans.filter(({ kind }) => kind !== "left-running" && kind !== "same");
  return Promise.all(
    touched.map(async ({ name }): Promise<Validated> => {
      const member = fleet.members.find((known) => known.name === name);
      const declared = target.declaration[name];
      if (!member || !declared) return { name, processId: "", status: "OFFLINE", reasons: ["no process"] };
      const expected = { version: declared.version, sourceHash: declared.sourceHash };
      const policy = target.policies?.[name]?.healthCheck ?? HealthPolicySchema.parse({});
      try {
        if (runsWithoutLibrary(member)) {
          const { health: status, reasons } = await probeWithoutLibrary(fleet, member, budgetOf(60));
          return { name, processId: member.processId, status, reasons };
        }
        const verdict = await probe(fleet.session, member, "ALL", expected, budgetOf(60));
        const { status, reasons } = judge(verdict, expected, policy);
        const { version, sourceHash } = verdict;
        return { name, processId: member.processId, status, reasons, version, sourceHash };
      } catch (error) {
        const { state, what } = classifyFailedRead(error);
        return { name, processId: member.processId, status: state, reasons: [what] };
      }
    }),
  );
}

/** Whether every member is healthy or degraded. Pure. */
export const isHealthyFleet = (validated: readonly Validated[]): boolean =>
  validated.every(({ status }) => status === "HEALTHY" || status === "DEGRADED");
