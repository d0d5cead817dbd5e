import { budgetOf } from "../../core/budget.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { lookAtBare } from "../../fleet/health/bare.ts";
import { judge, probe } from "../../fleet/health/probe.ts";
import { HealthPolicySchema } from "../../fleet/health/schema.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { unansweredBy } from "../observe/unanswered.ts";
import type { MemberWay } from "./member-way.ts";

/** What a member says of itself after a rollback. */
export interface Validated {
  readonly name: string;
  readonly processId: string;
  readonly status: string;
  /** What is not as the release wants it. */
  readonly reasons: readonly string[];
  readonly version?: string;
  readonly sourceHash?: string;
}

/** Asks every member that went back: all four kinds of health, invariants among them, at the version and code of the release. */
export async function validate(
  fleet: FleetSession,
  target: ReleaseDocument,
  ways: readonly MemberWay[],
): Promise<Validated[]> {
  const touched = ways.filter(({ kind }) => kind !== "beside" && kind !== "same");
  return Promise.all(
    touched.map(async ({ name }): Promise<Validated> => {
      const member = fleet.members.find((known) => known.name === name);
      const declared = target.declaration[name];
      if (!member || !declared)
        return { name, processId: "", status: "OFFLINE", reasons: ["it has no process"] };
      const expected = { version: declared.version, sourceHash: declared.sourceHash };
      const policy = target.policies?.[name]?.healthCheck ?? HealthPolicySchema.parse({});
      try {
        if (isBare(member)) {
          const { health: status, reasons } = await lookAtBare(fleet, member, budgetOf(60));
          return { name, processId: member.processId, status, reasons };
        }
        const verdict = await probe(fleet.session, member, "ALL", expected, budgetOf(60));
        const { status, reasons } = judge(verdict, expected, policy);
        const { version, sourceHash } = verdict;
        return { name, processId: member.processId, status, reasons, version, sourceHash };
      } catch (error) {
        const { state, what } = unansweredBy(error);
        return { name, processId: member.processId, status: state, reasons: [what] };
      }
    }),
  );
}

/** Whether a validated fleet is good. Pure. */
export const isGood = (validated: readonly Validated[]): boolean =>
  validated.every(({ status }) => status === "HEALTHY" || status === "DEGRADED");
