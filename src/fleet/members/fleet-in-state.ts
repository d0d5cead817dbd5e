/** A fleet from the state of its stack: the processes with traffic. Pure. */
import { z } from "zod";
import { lockKey } from "../node-lock.ts";
import type { KnownFleet, Member } from "./member.ts";
import { type RevisionInState, RevisionSchema } from "./revision-in-state.ts";
import { outputsOf, resourcesIn, type StateResource } from "./stack-state.ts";

const ProcessSchema = z.looseObject({
  name: z.string(),
  processId: z.string(),
  generation: z.number(),
  version: z.string(),
  revision: z.looseObject({ sourceHash: z.string(), code: z.array(z.string()).optional() }).optional(),
  revisions: z.array(RevisionSchema).optional(),
  blue: z.looseObject({ processId: z.string(), sourceHash: z.string() }).optional(),
  strategy: z.looseObject({}).optional(),
  lib: z.boolean().optional(),
  health: z.looseObject({ status: z.string() }).optional(),
});
type ProcessInState = z.output<typeof ProcessSchema>;

const TrafficSchema = z.looseObject({
  router: z.looseObject({ name: z.string() }),
  active: z.record(z.string(), z.string()).default({}),
});
const RoutedSchema = z.looseObject({ strategy: z.looseObject({ router: z.string() }) });
const RevisionsSchema = z.looseObject({ name: z.string(), revisions: z.array(RevisionSchema) });

/** The member that carries the router. A member with a rollout strategy is in the state earlier than the traffic table. */
export const routerIn = (resources: readonly StateResource[]): string | undefined =>
  outputsOf(resources, "Traffic", TrafficSchema)[0]?.router.name ??
  outputsOf(resources, "Process", RoutedSchema)[0]?.strategy.router;

/** Member → its revisions, including the wanted one. */
export const revisionsIn = (
  resources: readonly StateResource[],
): Record<string, readonly RevisionInState[]> =>
  Object.fromEntries(
    outputsOf(resources, "Process", RevisionsSchema).map(({ name, revisions }) => [name, revisions]),
  );

/** @param raw the output of `pulumi stack export`; an invalid one yields a fleet without members */
export function fleetInState(raw: unknown): KnownFleet {
  const resources = resourcesIn(raw) ?? [];
  const [traffic] = outputsOf(resources, "Traffic", TrafficSchema);
  const router = routerIn(resources);
  const revisions = revisionsIn(resources);
  return {
    members: outputsOf(resources, "Process", ProcessSchema).map((process) =>
      servingIn(process, traffic?.active[process.name]),
    ),
    ...(router === undefined ? {} : { router }),
    ...(Object.keys(revisions).length === 0 ? {} : { revisions }),
  };
}

const OnNodeSchema = z.looseObject({
  network: z.looseObject({ kind: z.literal("mainnet"), nodeUrl: z.string(), nodeAddress: z.string() }),
});

/** The address of the node at a URL on which a stack's processes are; undefined if its state has none there. Pure. */
export function nodeInState(raw: unknown, nodeUrl: string): string | undefined {
  const nodes = outputsOf(resourcesIn(raw) ?? [], "Process", OnNodeSchema).map(({ network }) => network);
  return nodes.find((node) => lockKey(node.nodeUrl) === nodeUrl)?.nodeAddress;
}

/**
 * The member as the process that has its traffic. A member that is loaded in place has one process. For a blue-green member that no
 * table contains yet, the previous process still has the traffic.
 */
function servingIn(process: ProcessInState, active: string | undefined): Member {
  const { name, processId, generation, version, revision, revisions, health, blue, lib } = process;
  const wanted: Member = {
    name,
    processId,
    generation,
    version,
    sourceHash: revision?.sourceHash ?? "",
    status: statusOf(health?.status),
    ...(lib === false ? { lib } : {}),
    ...(lib === false && revision?.code !== undefined ? { code: revision.code } : {}),
  };
  const serving = process.strategy === undefined ? processId : (active ?? blue?.processId ?? processId);
  return memberWithRevision(wanted, serving, revisions, serving === blue?.processId ? blue.sourceHash : "");
}

/**
 * The same member as another of its processes; unknown fields of that process are left empty.
 *
 * @param known revisions of the member in the stack's state
 * @param sourceHash hash of its code, if known from elsewhere
 */
export function memberWithRevision(
  member: Member,
  processId: string,
  known: readonly RevisionInState[] | undefined,
  sourceHash: string,
): Member {
  if (processId === member.processId) return member;
  const found = known?.find((one) => one.processId === processId);
  const { code: _, ...rest } = member;
  return {
    ...rest,
    processId,
    generation: found?.generation ?? member.generation,
    version: found?.version ?? "",
    sourceHash: sourceHash === "" ? (found?.sourceHash ?? "") : sourceHash,
    status: statusOf(found?.health),
    ...(member.lib === false && found?.code !== undefined ? { code: found.code } : {}),
  };
}

/** A health as the manifest's status. */
const statusOf = (health: string | undefined): string =>
  health === "HEALTHY" || health === "DEGRADED" ? "ACTIVE" : (health ?? "UNKNOWN");
