import * as pulumi from "@pulumi/pulumi";
import type { Process } from "../providers/process/resource.ts";
import type { HealthPolicy } from "../src/fleet/health/schema.ts";
import type { Target } from "../src/fleet/members/target.ts";
import type { Scope } from "../src/fleet/session/scope.ts";
import type { FleetPlan, PlannedProcess } from "./plan.ts";

/** A plan, and the inputs that all of its resources share. */
export interface Composition {
  readonly plan: FleetPlan;
  readonly common: { readonly scope: Scope; readonly network: FleetPlan["declaration"]["network"] };
  /** The component that the resources belong to. */
  readonly parent: pulumi.Resource;
}

/** The process of every member. */
export type Members = Readonly<Record<string, Process>>;

/** Resources of a kind: name of the member → name of the resource → resource. */
export type ByMember<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

/** All resources of a kind. */
export const allOf = <T>(resources: ByMember<T>): T[] =>
  Object.values(resources).flatMap((own) => Object.values(own));

/** Creates the resources of each member, in the plan's order. */
export function forEachMember<T>(
  plan: FleetPlan,
  make: (member: PlannedProcess) => Record<string, T>,
): Record<string, Record<string, T>> {
  return Object.fromEntries(plan.levels.flat().map((member) => [member.name, make(member)]));
}

/** The entry of a member in a record that has one for every member. */
export function memberOf<T>(name: string, members: Readonly<Record<string, T>>): T {
  const member = members[name];
  if (!member) throw new Error(`no member ${name}`);
  return member;
}

/** A member's process as the target of a message. */
export function targetOf(name: string, members: Members): pulumi.Output<Target> {
  const { processId, generation } = memberOf(name, members);
  return pulumi
    .all([processId, generation] as const)
    .apply(([id, count]) => ({ name, processId: id, generation: count }));
}

/** The fleet's health policy with the member's overrides. */
export function healthOf(
  fleet: FleetPlan["declaration"],
  declaration: PlannedProcess["declaration"],
): HealthPolicy {
  const own = Object.fromEntries(
    Object.entries(declaration.health ?? {}).filter(([, value]) => value !== undefined),
  );
  return { ...fleet.health, ...own };
}
