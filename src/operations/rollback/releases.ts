import { isResource, type StateResource } from "../../fleet/members/stack-state.ts";
import {
  type ReleaseDocument,
  readRelease,
  releaseIds,
  verifiedRelease,
} from "../../fleet/releases/document.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import { describeChanges } from "./changes.ts";
import type { LedgerRun } from "./ledger.ts";

/** A release that succeeded, so a rollback can return to it. */
export interface KnownRelease {
  /** Position among the stack's releases by time, from 1. */
  readonly number: number;
  readonly deploymentId: string;
  /** When it finished, ISO 8601. */
  readonly releasedAt: string;
  readonly releaseHash: string;
  /** The complete release, if this machine or the stack's history has it. */
  readonly document?: ReleaseDocument;
  /** Differences from the release before it, as text. */
  readonly changed: readonly string[];
  /** Whether it runs now. */
  readonly current: boolean;
  /** The release that it restored. */
  readonly pinnedTo?: string;
}

/** Releases on this machine. Skips damaged files; `fleet rollback` to one of them reports the damage. */
export async function localReleases(where: StackFiles): Promise<ReleaseDocument[]> {
  const found: ReleaseDocument[] = [];
  for (const id of await releaseIds(where).catch(() => [])) {
    const release = await readRelease(where, id).catch(() => undefined);
    if (release) found.push(release);
  }
  return found;
}

/** All releases of all sources, each once, numbered by time. Pure. */
export function mergeReleases(
  documents: readonly ReleaseDocument[],
  runs: readonly LedgerRun[],
  current: string | undefined,
): KnownRelease[] {
  const byId = new Map<string, { at: string; hash: string; document?: ReleaseDocument }>();
  for (const { deploymentId, finishedAt, status, releaseHash } of runs) {
    if (status !== "COMPLETED" || releaseHash === undefined || finishedAt === undefined) continue;
    byId.set(deploymentId, { at: new Date(finishedAt).toISOString(), hash: releaseHash });
  }
  for (const document of documents) {
    const { deploymentId, releasedAt, releaseHash } = document;
    byId.set(deploymentId, { at: releasedAt, hash: releaseHash, document });
  }
  const sorted = [...byId].sort(([, a], [, b]) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return sorted.map(([deploymentId, { at, hash, document }], index): KnownRelease => {
    const before = sorted[index - 1]?.[1].document;
    return {
      number: index + 1,
      deploymentId,
      releasedAt: at,
      releaseHash: hash,
      ...(document === undefined ? {} : { document }),
      changed: document ? describeChanges(index === 0 ? undefined : (before ?? "unknown"), document) : [],
      current: deploymentId === current,
      ...(document?.pinned === undefined ? {} : { pinnedTo: document.pinned.deploymentId }),
    };
  });
}

/** The release in an exported state of the stack or in a checkpoint of its history; empty if it failed. Pure. */
export function releaseInState(resources: readonly StateResource[]): ReleaseDocument[] {
  return resources.flatMap((resource) => {
    if (!isResource(resource, "Release") || (resource.initErrors?.length ?? 0) > 0) return [];
    const release = verifiedRelease(resource.outputs);
    return release ? [release] : [];
  });
}

/**
 * When an update left the rollout on hold, ISO 8601, read from a state or checkpoint. Empty if the last rollout is not on hold, or if
 * another resource failed: then the update failed for that reason. Pure.
 */
export function heldInState(resources: readonly StateResource[]): string[] {
  const failed = resources.filter(({ initErrors }) => (initErrors?.length ?? 0) > 0);
  return failed.flatMap((resource) => {
    const { outputs, modified } = resource;
    if (failed.length > 1 || modified === undefined || !isResource(resource, "Traffic")) return [];
    return (outputs as { phase?: unknown } | null | undefined)?.phase === "HELD" ? [modified] : [];
  });
}
