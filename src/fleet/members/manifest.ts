import { join } from "node:path";
import { z } from "zod";
import { readJson, writeAtomically } from "../files.ts";
import type { Scope } from "../session/scope.ts";
import type { Session } from "../session/session.ts";

/** One member in the manifest. The guide's keys first; `status` is ACTIVE only if the process itself reported it. */
const ManifestProcessSchema = z.looseObject({
  processId: z.string().optional(),
  status: z.string(),
  deploymentTime: z.string(),
  dependencies: z.array(z.string()),
  version: z.string().optional(),
  sourceHash: z.string().optional(),
  module: z.string().optional(),
  generation: z.number().optional(),
  revision: z.string().optional(),
  configVersions: z.record(z.string(), z.number()).optional(),
  /** False if the process does not contain the fleet's library. */
  lib: z.literal(false).optional(),
  /** For such a process: the code after its load, as read by an Eval of its owner. */
  code: z.array(z.string()).optional(),
  /** For a blue-green member: the member that contains the router, whose table decides which process serves. */
  router: z.string().optional(),
});

/** `build/deployment-manifest.json`: the guide's keys, and what is needed to find and verify the fleet again. */
export const ManifestSchema = z.looseObject({
  deploymentTimestamp: z.string(),
  /** Seconds since the run's first change. */
  deploymentDuration: z.number(),
  deploymentId: z.string(),
  epoch: z.number(),
  project: z.string(),
  stack: z.string(),
  network: z.string(),
  owner: z.string(),
  processes: z.record(z.string(), ManifestProcessSchema),
});

export type Manifest = z.infer<typeof ManifestSchema>;
export type ManifestProcess = z.infer<typeof ManifestProcessSchema>;

/** The manifest of the latest deployment of any stack. */
export const manifestPath = (scope: Scope): string => join(scope.build, "deployment-manifest.json");
/** The manifest of the latest deployment of this stack. */
const stackManifestPath = (scope: Scope): string =>
  join(scope.build, `deployment-manifest.${scope.project}.${scope.stack}.json`);
const keptManifestPath = (scope: Scope, id: string): string =>
  join(scope.build, `deployment-manifest-${id}.json`);

/**
 * The manifest of this stack on disk: the latest one, or, if another stack was deployed since, this stack's own. Another stack's
 * manifest is never used, whatever its file name. Earlier versions wrote only the latest one.
 */
export async function readManifest(scope: Scope): Promise<Manifest | undefined> {
  for (const path of [manifestPath(scope), stackManifestPath(scope)]) {
    const { data } = ManifestSchema.safeParse(await readJson(path).catch(() => undefined));
    if (data?.project === scope.project && data.stack === scope.stack) return data;
  }
  return undefined;
}

/** The deployment's own fields in the manifest. */
interface ManifestHead {
  readonly deploymentTimestamp: string;
  readonly deploymentDuration: number;
  readonly deploymentId: string;
  readonly epoch: number;
  readonly network: string;
  readonly owner: string;
}

let queue: Promise<unknown> = Promise.resolve();

/** Merges members into the manifest, one writer at a time. Other members are unchanged, so a partial run loses no id. */
export function recordInManifest(
  scope: Scope,
  head: ManifestHead,
  processes: Record<string, Partial<ManifestProcess> | undefined>,
): Promise<Manifest> {
  const next = queue.then(async () => {
    const before = await readManifest(scope);
    const merged: Record<string, ManifestProcess> = { ...before?.processes };
    for (const [name, entry] of Object.entries(processes)) {
      if (entry === undefined) delete merged[name];
      else {
        const earlier = merged[name] ?? {
          status: "UNKNOWN",
          deploymentTime: head.deploymentTimestamp,
          dependencies: [],
        };
        merged[name] = ManifestProcessSchema.parse({ ...earlier, ...entry });
      }
    }
    const manifest: Manifest = { ...head, project: scope.project, stack: scope.stack, processes: merged };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await writeAtomically(stackManifestPath(scope), text);
    await writeAtomically(manifestPath(scope), text);
    await writeAtomically(keptManifestPath(scope, head.deploymentId), text);
    return manifest;
  });
  queue = next.catch(() => undefined);
  return next;
}

/** `recordInManifest` with the fields of the running deployment. */
export async function record(
  session: Session,
  processes: Record<string, Partial<ManifestProcess> | undefined>,
): Promise<Manifest> {
  const { deployment, scope } = session;
  const head = {
    deploymentTimestamp: deployment.startedAt.toISOString(),
    deploymentDuration: deployment.seconds(),
    deploymentId: deployment.id,
    epoch: await deployment.epoch(),
    network: session.network.kind,
    owner: session.ao.address,
  };
  return recordInManifest(scope, head, processes);
}
