import * as pulumi from "@pulumi/pulumi";
import type { ConfigBundle } from "../providers/config-bundle/resource.ts";
import { Release } from "../providers/release/resource.ts";
import { Traffic } from "../providers/traffic/resource.ts";
import type { Wiring } from "../providers/wiring/resource.ts";
import {
  allOf,
  type ByMember,
  type Composition,
  healthOf,
  type Members,
  memberOf,
  targetOf,
} from "./composition.ts";
import type { FleetPlan } from "./plan.ts";
import {
  codeOf,
  declarationOf,
  declaredOf,
  releaseHashOf,
  trafficPolicyOf,
  trafficServiceOf,
} from "./traffic.ts";
import type { Active } from "./wiring-resources.ts";

/** One table and one message for all members whose new code gets its own process. */
export function trafficResource(
  name: string,
  { plan, common, parent }: Composition,
  members: Members,
  configs: ByMember<ConfigBundle>,
  wirings: ByMember<Wiring>,
): Traffic | undefined {
  const { inNewProcess, router, traffic: strategy } = plan.rollout;
  if (strategy === undefined || router === undefined) return undefined;
  const services = plan.levels
    .flat()
    .filter((member) => inNewProcess.has(member.name))
    .map((member) => [member.name, trafficServiceOf(member, memberOf(member.name, members))]);
  return new Traffic(
    `${name}-traffic`,
    {
      ...common,
      router: targetOf(router, members),
      release: releaseHashOf(plan),
      services: Object.fromEntries(services),
      ...codeOf(plan, [...inNewProcess]),
      strategy,
      timeoutSeconds: 120,
    },
    {
      parent,
      dependsOn: [...Object.values(members), ...allOf(configs), ...allOf(wirings)],
      // Processes that stay keep their callers.
      retainOnDelete: plan.declaration.retainOnDelete,
    },
  );
}

/** The release: every member as declared and deployed, and the versions of settings and wirings. */
export function releaseResource(
  name: string,
  { plan, common, parent }: Composition,
  active: Active,
  configs: ByMember<ConfigBundle>,
  wirings: readonly ByMember<Wiring>[],
): Release {
  const warm = declaredOf(plan.levels.flat().filter((member) => member.warm));
  return new Release(
    `${name}-release`,
    {
      ...common,
      declaration: declarationOf(plan),
      members: active,
      evidence: evidenceOf(configs, wirings),
      policies: policiesOf(plan),
      ...(Object.keys(warm).length > 0 ? { warm } : {}),
      ...(plan.pinned ? { pinned: plan.pinned.release } : {}),
      timeoutSeconds: 300,
    },
    { parent },
  );
}

/** Name of a config bundle or wiring → its version and hash. */
function evidenceOf(
  configs: ByMember<ConfigBundle>,
  wirings: readonly ByMember<Wiring>[],
): Record<string, pulumi.Output<string>> {
  const evidence: Record<string, pulumi.Output<string>> = {};
  for (const own of Object.values(configs))
    for (const [resource, bundle] of Object.entries(own))
      evidence[resource] = pulumi.interpolate`v${bundle.version} ${bundle.hash}`;
  for (const own of wirings.flatMap((some) => Object.values(some)))
    for (const [resource, wiring] of Object.entries(own)) evidence[resource] = wiring.hash;
  return evidence;
}

/** Name of a member → its health policy, and how its traffic moves. */
const policiesOf = (plan: FleetPlan) =>
  Object.fromEntries(
    plan.levels.flat().map(({ name, declaration }) => [
      name,
      {
        healthCheck: healthOf(plan.declaration, declaration),
        timeoutSeconds: declaration.timeoutSeconds ?? plan.declaration.timeoutSeconds,
        ...trafficPolicyOf(plan, name),
      },
    ]),
  );
