import { join } from "node:path";
import { z } from "zod";
import { readJson, writeAtomically } from "../files.ts";
import type { Scope } from "../session/scope.ts";
import type { Session } from "../session/session.ts";

/** One member in the manifest. The guide's keys first; `status` is ACTIVE only when the process said so itself. */
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
  /** False where nothing of the fleet's library is in the process. */
  lib: z.literal(false).optional(),
  /** Of such a process: the code after its load, as an Eval of its owner reads it. */
  code: z.array(z.string()).optional(),
  /** Where its new code gets a process beside the old one: the member that carries the router, whose table has the last word on which of them serves. */
  router: z.string().optional(),
});

/** `build/deployment-manifest.json`: the guide's keys, and beyond them what is needed to find and trust the fleet again. */
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

/** Of the latest deployment, whichever stack's it was. */
export const manifestPath = (scope: Scope): string => join(scope.build, "deployment-manifest.json");
/** Of the latest deployment of this stack. */
const stackManifestPath = (scope: Scope): string =>
  join(scope.build, `deployment-manifest.${scope.project}.${scope.stack}.json`);
const keptManifestPath = (scope: Scope, id: string): string =>
  join(scope.build, `deployment-manifest-${id}.json`);

/**
 * The manifest of this stack on disk: the latest one, or, where another stack was deployed since, this stack's own. Another stack's is
 * never taken, whatever its file is called. Earlier versions wrote only the latest one.
 */
export async function readManifest(scope: Scope): Promise<Manifest | undefined> {
  for (const path of [manifestPath(scope), stackManifestPath(scope)]) {
    const { data } = ManifestSchema.safeParse(await readJson(path).catch(() => undefined));
    if (data?.project === scope.project && data.stack === scope.stack) return data;
  }
  return undefined;
}

/** What the running deployment says of itself in the manifest. */
interface ManifestHead {
  readonly deploymentTimestamp: string;
  readonly deploymentDuration: number;
  readonly deploymentId: string;
  readonly epoch: number;
  readonly network: string;
  readonly owner: string;
}

let queue: Promise<unknown> = Promise.resolve();

/** Merges members into the manifest, one writer at a time. What is not named stays as it was: a partial run loses no id. */
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

/** `recordInManifest` with what the running deployment says of itself. */
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
    network: session.networkName,
    owner: session.ao.address,
  };
  return recordInManifest(scope, head, processes);
}
