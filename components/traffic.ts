import * as pulumi from "@pulumi/pulumi";
import type { Process } from "../providers/process/resource.ts";
import type { ProcessInputs } from "../providers/process/schema.ts";
import { hashOf } from "../src/core/hash.ts";
import type { HealthPolicy } from "../src/fleet/health/schema.ts";
import type { Revision } from "../src/fleet/members/revision.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import type { FleetDeclaration } from "./declaration.ts";
import type { FleetPlan, PlannedProcess } from "./plan.ts";
import { globalsOf, policyOf } from "./state-findings.ts";
import { ROUTER, type Rollout, strategyOf } from "./strategy.ts";

/** The process of a member that serves callers, as the release records it. */
export interface ActiveMember {
  readonly processId: string;
  readonly generation: number;
  readonly evalId: string;
  readonly stateVersion?: string;
}

/**
 * The revision of a member that has the traffic; without `active`, the declared one. `revisions` is read only for a member whose traffic
 * moves: an output that is missing in the state is unknown in every preview, and everything derived from it shows as a change.
 */
export function activeOf(
  name: string,
  process: Process,
  active: pulumi.Output<Readonly<Record<string, string>>> | undefined,
): pulumi.Output<ActiveMember> {
  const { processId, generation, revision } = process;
  if (active === undefined)
    return pulumi.all([processId, generation, revision] as const).apply(([id, count, wanted]) => ({
      processId: id,
      generation: count,
      ...loadOf(wanted),
    }));
  return pulumi
    .all([processId, generation, revision, process.revisions, active] as const)
    .apply(([id, count, wanted, held, serving]): ActiveMember => {
      const used = held?.find((one) => one.processId === serving?.[name]);
      return {
        processId: used?.processId ?? id,
        generation: used?.generation ?? count,
        ...loadOf(used ?? wanted),
      };
    });
}

const loadOf = (revision: Revision | undefined): Pick<ActiveMember, "evalId" | "stateVersion"> => ({
  evalId: revision?.evalId ?? "",
  ...(revision?.stateVersion === undefined ? {} : { stateVersion: revision.stateVersion }),
});

/** The inputs of a process that depend on how its new code is rolled out. */
export function rolloutInputsOf(
  fleet: FleetDeclaration,
  { inNewProcess, router, traffic, minHealthySeconds }: Rollout,
  name: string,
  health: HealthPolicy,
): Partial<Pick<ProcessInputs, "strategy" | "minHealthySeconds" | "healthCheck">> {
  const waits = minHealthySeconds === undefined ? {} : { minHealthySeconds };
  if (!inNewProcess.has(name) || traffic === undefined) return waits;
  const own = fleet.processes[name]?.health?.timeoutSeconds;
  return {
    ...waits,
    healthCheck: { ...health, timeoutSeconds: own ?? traffic.healthCheckTimeout },
    strategy: {
      kind: "new-process",
      retention: { revisions: fleet.heldRevisions, windowSeconds: traffic.windowSeconds },
      ...(router === undefined ? {} : { router }),
    },
  };
}

/** Whether a member receives ids of other members. */
export const needsWiring = ({ declared }: PlannedProcess): boolean =>
  declared.peers.length > 0 || declared.allowed !== undefined;

/** The ids that a member receives: of its peers, of those among them without the library, and of members that may change it. */
export function wiringInputsOf(
  { declared }: PlannedProcess,
  { levels, rollout: { router } }: Pick<FleetPlan, "levels" | "rollout">,
  members: Readonly<Record<string, Process>>,
  idOf: (name: string) => pulumi.Output<string>,
) {
  const bare = new Set(levels.flat().flatMap((one) => (one.declared.lib === false ? [one.name] : [])));
  const withoutLibrary = declared.peers.filter((peer) => bare.has(peer)).sort();
  // Records of outputs, not an output of a record: an unknown id then leaves the others known.
  const peers = Object.fromEntries(declared.peers.map((peer) => [peer, idOf(peer)]));
  const deployers = declared.allowed?.map((one) => [one, members[one] ? idOf(one) : one] as const);
  return {
    peers,
    ...(withoutLibrary.length > 0 ? { withoutLibrary } : {}),
    ...(router !== undefined && [router, ROUTER].some((name) => declared.peers.includes(name))
      ? { router }
      : {}),
    ...(deployers === undefined ? {} : { deployers: Object.fromEntries(deployers) }),
  };
}

/** Code hashes of those of these members whose new code gets its own process. */
export function codeOf(
  { levels, rollout: { inNewProcess } }: Pick<FleetPlan, "levels" | "rollout">,
  names: readonly string[],
): { code?: Record<string, string> } {
  const moving = levels.flat().filter(({ name }) => inNewProcess.has(name) && names.includes(name));
  if (moving.length === 0) return {};
  return { code: Object.fromEntries(moving.map(({ name, declared }) => [name, declared.sourceHash])) };
}

/** A member, and the members whose ids it receives. */
export const membersInWiring = ({ name, declared }: PlannedProcess): string[] => [
  name,
  ...declared.peers,
  ...(declared.allowed ?? []),
];

/** A member as a service of the router. */
export function trafficServiceOf({ declared, declaration }: PlannedProcess, process: Process) {
  const { trafficKey: key, testers, probes, faultWhen, routed } = declaration;
  const state = policyOf(declaration.state);
  const globals = globalsOf(declaration.state);
  return pulumi.all([process.processId, process.blue] as const).apply(([processId, blue]) => ({
    key,
    state,
    green: { processId, sourceHash: declared.sourceHash },
    ...(blue === undefined ? {} : { blue }),
    ...(testers === undefined ? {} : { testers }),
    ...(globals === undefined ? {} : { globals: [...globals] }),
    ...(faultWhen === undefined ? {} : { faultWhen }),
    ...(routed === undefined ? {} : { routed }),
    // With state, probes could change it again and again.
    ...(state === "none" && probes.length > 0 ? { probes } : {}),
  }));
}

/** The members of a release by name. */
export const declaredOf = (chosen: readonly PlannedProcess[]): Record<string, DeclaredProcess> =>
  Object.fromEntries(chosen.map(({ name, declared }) => [name, declared]));

/** The members of the release, as declared. */
export const declarationOf = ({ levels }: FleetPlan): Record<string, DeclaredProcess> =>
  declaredOf(levels.flat().filter(({ warm }) => !warm));

/** Hash of the release's declaration: the same as the release's own `releaseHash`. */
export const releaseHashOf = (plan: FleetPlan): string => hashOf(declarationOf(plan));

/** What a later run needs in order to move a member's traffic again. */
export function trafficPolicyOf({ declaration: fleet, rollout }: FleetPlan, name: string) {
  const { state, trafficKey, testers, faultWhen, routed, probes = [] } = fleet.processes[name] ?? {};
  const globals = globalsOf(state);
  const strategy = rollout.inNewProcess.has(name) ? strategyOf(fleet, name) : undefined;
  return {
    ...(strategy === undefined
      ? // For a member that is loaded in place, it decides whether the state is kept.
        policyOf(state) === "none"
        ? { state: "none" as const }
        : {}
      : {
          strategy,
          state: policyOf(state),
          ...(globals === undefined ? {} : { globals: [...globals] }),
          trafficKey,
          ...(testers === undefined ? {} : { testers }),
          ...(faultWhen === undefined ? {} : { faultWhen }),
          ...(routed === undefined ? {} : { routed }),
        }),
    ...(probes.length > 0 ? { probes } : {}),
  };
}
