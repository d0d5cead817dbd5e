import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import { revisionsIn, routerIn } from "../../fleet/members/fleet-in-state.ts";
import type { RevisionInState } from "../../fleet/members/revision-in-state.ts";
import {
  isResource,
  outputsOf,
  resourcesIn,
  resourcesInCheckpoint,
  type StateResource,
} from "../../fleet/members/stack-state.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { backendFolder } from "../../toolchain/backend.ts";
import { exportedState, readStack } from "../workspace/stack-reads.ts";
import type { PulumiRunner, Workspace } from "../workspace/workspace.ts";
import { heldInState, releaseInState } from "./releases.ts";

const UpdateSchema = z.looseObject({
  kind: z.string(),
  startTime: z.string(),
  endTime: z.string().optional(),
  message: z.string().default(""),
  environment: z.record(z.string(), z.string()).default({}),
  result: z.string(),
  version: z.number().default(0),
  resourceChanges: z.record(z.string(), z.number()).nullish(),
});

/** One entry of the stack's own history, as `pulumi stack history --json` prints it. */
export type StackUpdate = z.infer<typeof UpdateSchema>;

/** What is needed to run pulumi for one stack. */
export interface PulumiStack {
  readonly host: PulumiRunner;
  readonly workspace: Workspace;
  readonly project: string;
  readonly stack: string;
}

/**
 * The history of the stack, newest first; empty for a new stack. The same command works for every backend.
 *
 * @throws FleetError STATE_UNREADABLE
 */
export async function stackUpdates({ host, workspace, stack }: PulumiStack): Promise<StackUpdate[]> {
  const text = await readStack(host, workspace, stack, ["stack", "history", "--json"]);
  return text ? z.array(UpdateSchema).parse(JSON.parse(text) ?? []) : [];
}

/** What the stack's present state contains. */
export interface StackState {
  /** The release that runs, whichever machine deployed it. */
  readonly release?: ReleaseDocument;
  /** Whether the state has a release resource, even a failed one. */
  readonly hasRelease: boolean;
  /** The router; undefined if the fleet has no traffic table. */
  readonly traffic?: Traffic;
  /** When an update left the rollout on hold, ISO 8601; undefined if the last one did not. */
  readonly heldAt?: string;
  /** The member that carries the router; null if the state names none; undefined if there is no such stack. */
  readonly router?: string | null;
}

const TrafficSchema = z.looseObject({
  router: z.looseObject({ name: z.string(), processId: z.string(), generation: z.number() }),
  services: z.record(z.string(), z.looseObject({ state: z.string().default("owned") })),
});

/** The member that carries the router, and the state mode of each service (`none`, `partitioned`, `owned`). */
export interface Traffic extends z.infer<typeof TrafficSchema> {
  /** Member → its revisions in the stack's state, including the wanted one. */
  readonly held: Readonly<Record<string, readonly RevisionInState[]>>;
}

/** Reads the stack's state. @throws FleetError STATE_UNREADABLE */
export async function stackState({ host, workspace, stack }: PulumiStack): Promise<StackState> {
  const state = await exportedState(host, workspace, stack);
  if (state === undefined) return { hasRelease: false };
  const resources = resourcesIn(state) ?? [];
  const [release] = releaseInState(resources);
  const [heldAt] = heldInState(resources);
  const [traffic] = outputsOf(resources, "Traffic", TrafficSchema);
  return {
    router: routerIn(resources) ?? null,
    ...(release ? { release } : {}),
    hasRelease: resources.some((resource) => isResource(resource, "Release")),
    ...(traffic ? { traffic: { ...traffic, held: revisionsIn(resources) } } : {}),
    ...(heldAt === undefined ? {} : { heldAt }),
  };
}

/** What the checkpoints of a stack's earlier updates contain. */
interface PastStates {
  readonly releases: readonly ReleaseDocument[];
  /** When updates left the rollout on hold, ISO 8601. */
  readonly heldAt: readonly string[];
}

/**
 * Reads the checkpoints of a stack's earlier updates. A file backend keeps one for every finished update; Pulumi Cloud exports each
 * version. Pulumi gives no access to those of other backends.
 */
export async function pastStates(ask: PulumiStack, updates: readonly StackUpdate[]): Promise<PastStates> {
  const { env, projectDir } = ask.workspace;
  const backend = backendFolder(env.PULUMI_BACKEND_URL, projectDir);
  const found = await (backend === undefined ? fromVersions(ask, updates) : fromFiles(ask, backend));
  return { releases: found.flatMap(releaseInState), heldAt: found.flatMap(heldInState) };
}

async function fromFiles(
  { project, stack }: PulumiStack,
  backend: string,
): Promise<(readonly StateResource[])[]> {
  const folder = join(backend, ".pulumi", "history", project, stack);
  const found: (readonly StateResource[])[] = [];
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    if (!/\.checkpoint\.json(\.gz)?$/.test(name)) continue;
    const bytes = await readFile(join(folder, name));
    const text = name.endsWith(".gz") ? (await promisify(gunzip)(bytes)).toString() : bytes.toString();
    found.push(inCheckpoint(text));
  }
  return found;
}

function inCheckpoint(text: string): readonly StateResource[] {
  try {
    return resourcesInCheckpoint(JSON.parse(text)) ?? [];
  } catch {
    // A killed run may leave a truncated file.
    return [];
  }
}

async function fromVersions(
  { host, workspace, stack }: PulumiStack,
  updates: readonly StackUpdate[],
): Promise<(readonly StateResource[])[]> {
  const found: (readonly StateResource[])[] = [];
  for (const { kind, result, version } of updates) {
    if (kind !== "update" || result === "in-progress" || version === 0) continue;
    const args = ["stack", "export", "--version", String(version), "--stack", stack];
    const answer = await host.pulumi(workspace, args);
    // A backend that refuses one version refuses them all.
    if (answer.code !== 0) return found;
    const resources = resourcesIn(JSON.parse(answer.stdout));
    if (resources) found.push(resources);
  }
  return found;
}
