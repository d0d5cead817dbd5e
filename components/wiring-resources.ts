import * as pulumi from "@pulumi/pulumi";
import type { ConfigBundle } from "../providers/config-bundle/resource.ts";
import type { Traffic } from "../providers/traffic/resource.ts";
import { Wiring } from "../providers/wiring/resource.ts";
import { wiringName } from "../src/fleet/members/resource-names.ts";
import {
  type ByMember,
  type Composition,
  forEachMember,
  healthOf,
  type Members,
  memberOf,
  targetOf,
} from "./composition.ts";
import { type ActiveMember, codeOf, membersInWiring, needsWiring, wiringInputsOf } from "./traffic.ts";

/** The process of every member that serves callers. */
export type Active = Readonly<Record<string, pulumi.Output<ActiveMember>>>;

/** The wiring of every member before traffic moves. */
export function firstWirings(
  { plan, common, parent }: Composition,
  members: Members,
  configs: ByMember<ConfigBundle>,
): ByMember<Wiring> {
  const { inNewProcess } = plan.rollout;
  const wanted = (name: string) => memberOf(name, members).processId;
  return forEachMember(plan, (member) => {
    const { name, declaration } = member;
    const getsNewProcess = inNewProcess.has(name);
    // Members that stay on the old code are rewired only after traffic has moved.
    if (
      !getsNewProcess &&
      plan.rollout.traffic &&
      member.declared.peers.some((peer) => inNewProcess.has(peer))
    )
      return {};
    const { probes } = declaration;
    if (!needsWiring(member) && probes.length === 0) return {};
    const admitting = getsNewProcess
      ? plan.levels.flat().filter(({ declared }) => declared.peers.includes(name))
      : [];
    const resource = wiringName(name, getsNewProcess);
    const wiring = new Wiring(
      resource,
      {
        ...common,
        ...(getsNewProcess ? { name: resource, newOnly: true } : {}),
        target: targetOf(name, members),
        ...wiringInputsOf(member, plan, members, wanted),
        ...codeOf(plan, getsNewProcess ? [name] : membersInWiring(member)),
        ...(probes.length > 0 ? { probes } : {}),
        ...(admitting.length > 0
          ? { admit: pulumi.all(admitting.map((other) => targetOf(other.name, members))) }
          : {}),
        healthCheck: healthOf(plan.declaration, declaration),
        timeoutSeconds: 120,
      },
      { parent, dependsOn: Object.values(configs[name] ?? {}) },
    );
    return { [resource]: wiring };
  });
}

/** The wiring of members that call a service whose traffic moves: after it has moved, to the revision that has it. */
export function callerWirings(
  { plan, common, parent }: Composition,
  members: Members,
  configs: ByMember<ConfigBundle>,
  active: Active,
  traffic: Traffic,
): ByMember<Wiring> {
  const { inNewProcess } = plan.rollout;
  const idOf = (name: string) => memberOf(name, active).processId;
  return forEachMember(plan, (member) => {
    const { name, declaration, declared } = member;
    const getsNewProcess = inNewProcess.has(name);
    if (!needsWiring(member) || (!getsNewProcess && !declared.peers.some((peer) => inNewProcess.has(peer))))
      return {};
    const resource = wiringName(name);
    const wiring = new Wiring(
      resource,
      {
        ...common,
        target: memberOf(name, active).apply(({ processId, generation }) => ({
          name,
          processId,
          generation,
        })),
        ...wiringInputsOf(member, plan, members, idOf),
        ...codeOf(plan, membersInWiring(member)),
        ...(getsNewProcess || declaration.probes.length === 0 ? {} : { probes: declaration.probes }),
        healthCheck: healthOf(plan.declaration, declaration),
        timeoutSeconds: 120,
      },
      { parent, dependsOn: [traffic, ...Object.values(configs[name] ?? {})] },
    );
    return { [resource]: wiring };
  });
}
