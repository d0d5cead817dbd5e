import { ownModuleHash } from "../../fleet/code/module-store.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";

/** What a clean-up keeps. */
export interface Retention {
  /** Everything newer is kept. Milliseconds since 1970. */
  readonly since: number;
  /** Number of latest releases per stack to keep at any age. */
  readonly releases: number;
  /** Number of latest snapshots per member to keep at any age. */
  readonly snapshots: number;
}

/**
 * The releases of one stack to keep: those in the window, the latest ones, the one that runs, and the one that the stack is pinned to.
 * Pure.
 */
export function releasesToKeep(
  releases: readonly ReleaseDocument[],
  current: ReleaseDocument | undefined,
  pinned: string | undefined,
  { since, releases: latest }: Retention,
): ReleaseDocument[] {
  const sorted = [...releases].sort((a, b) => (a.releasedAt < b.releasedAt ? 1 : -1));
  const named = new Set([current?.deploymentId, current?.pinned?.deploymentId, pinned]);
  return sorted.filter(
    ({ releasedAt, deploymentId }, index) =>
      index < latest || Date.parse(releasedAt) >= since || named.has(deploymentId),
  );
}

/** The project's own WebAssembly modules that these releases need, by hash. Pure. */
export function modulesOf(releases: readonly ReleaseDocument[]): Set<string> {
  return new Set(
    releases.flatMap(({ declaration, warm }) =>
      [...Object.values(declaration), ...Object.values(warm ?? {})].flatMap(
        ({ module }) => ownModuleHash(module) ?? [],
      ),
    ),
  );
}

/** The bundles that these releases need. Pure. */
export function bundlesOf(releases: readonly ReleaseDocument[]): Set<string> {
  return new Set(
    releases.flatMap(({ declaration, warm }) =>
      [...Object.values(declaration), ...Object.values(warm ?? {})].map(({ sourceHash }) => sourceHash),
    ),
  );
}

/**
 * The snapshots of one stack to keep: those in the window, the latest of each member, and the last one under each code that a kept release
 * may restore. Pure.
 */
export function snapshotsToKeep(
  snapshots: readonly Snapshot[],
  bundles: ReadonlySet<string>,
  { since, snapshots: latest }: Retention,
): Set<Snapshot> {
  const kept = new Set<Snapshot>();
  const counts = new Map<string, number>();
  const seen = new Set<string>();
  for (const snapshot of [...snapshots].sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1))) {
    const { member, sourceHash, processId } = snapshot;
    const count = (counts.get(member) ?? 0) + 1;
    counts.set(member, count);
    const code = `${processId} ${sourceHash}`;
    const isLastOfCode = bundles.has(sourceHash) && !seen.has(code);
    seen.add(code);
    if (count <= latest || isLastOfCode || Date.parse(snapshot.takenAt) >= since) kept.add(snapshot);
  }
  return kept;
}
