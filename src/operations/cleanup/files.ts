import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ReleaseDocument, readRelease, releaseIds, releasePath } from "../../fleet/releases/document.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import { removeOldTexts, snapshotStore, textsWithoutMetadata } from "../../fleet/snapshot/store.ts";
import { bundlesOf, modulesOf, type Retention, releasesToKeep, snapshotsToKeep } from "./retention.ts";
import { rotateLogs } from "./rotate.ts";

/** What a clean-up removed, or would remove. Paths are relative to the project. */
interface Cleaned {
  readonly artefacts: readonly string[];
  readonly logs: readonly string[];
  readonly rotated: readonly string[];
  readonly releases: readonly string[];
  readonly bundles: readonly string[];
  readonly snapshots: number;
  /** Texts of snapshots that no kept snapshot needs. */
  readonly states: readonly string[];
}

interface CleanRequest {
  readonly projectDir: string;
  readonly project: string;
  readonly retention: Retention;
  /** The release that a stack's settings pin it to. */
  readonly pinned: (stack: string) => string | undefined;
  readonly dryRun: boolean;
}

const ARTEFACTS = /^(deployment-manifest-.+\.json|rollback-.+\.json|.+-process\.lua)$/;
const LOGS = /^(deploy-.+\.log|fleet\.jsonl\.\d+|events-.+\.jsonl|.+_output\.txt\.\d+\.gz)$/;

/**
 * Removes what is older than the window and no longer needed. Returns what it removed; with `dryRun`, what it would remove.
 *
 * @throws FleetError RELEASE_DAMAGED before anything is removed: what a damaged release needs is not known
 */
export async function clean(request: CleanRequest): Promise<Cleaned> {
  const { projectDir, retention, dryRun } = request;
  const home = join(projectDir, ".fleet");
  const build = join(projectDir, "build");
  const artefacts = await oldFiles(build, ARTEFACTS, retention.since);
  const logs = await oldFiles(join(build, "logs"), LOGS, retention.since);
  const rotated = await rotateLogs(join(build, "logs"), dryRun);
  const kept: ReleaseDocument[] = [];
  const goneReleases: string[] = [];
  const goneSnapshots: string[] = [];
  for (const stack of await stacksIn(home, request.project)) {
    const where = { home, project: request.project, stack };
    const { releases, current } = await releasesOf(where);
    const stay = releasesToKeep(releases, current, request.pinned(stack), retention);
    kept.push(...stay, ...(current ? [current] : []));
    for (const { deploymentId } of releases.filter((release) => !stay.includes(release)))
      goneReleases.push(releasePath(where, deploymentId));
  }
  const bundles = bundlesOf(kept);
  for (const stack of await stacksIn(home, request.project)) {
    const held = snapshotStore({ home, project: request.project, stack });
    const all = await held.list();
    const stay = snapshotsToKeep(all, bundles, retention);
    const ids = new Set([...stay].map(({ member, takenAt, digest }) => `${member} ${takenAt} ${digest}`));
    const isOld = ({ member, takenAt, digest }: (typeof all)[number]) =>
      !ids.has(`${member} ${takenAt} ${digest}`);
    goneSnapshots.push(...(await held.paths(isOld)));
  }
  // Other stacks of this folder may have the same states.
  let goneStates = await textsWithoutMetadata(home, new Set(goneSnapshots), retention.since);
  const foreign = await foreignStacks(home, request.project);
  const goneBundles = [
    ...(await oldContent(join(home, "bundles"), ["lua", "map.json"], bundles, foreign, retention.since)),
    ...(await oldContent(join(home, "modules"), ["wasm", "json"], modulesOf(kept), foreign, retention.since)),
  ];
  if (!dryRun) {
    for (const path of [...artefacts, ...logs, ...goneReleases, ...goneBundles, ...goneSnapshots])
      await rm(path, { force: true });
    goneStates = await removeOldTexts(goneStates, retention.since);
  }
  const short = (paths: readonly string[]) => paths.map((path) => path.slice(projectDir.length + 1)).sort();
  return {
    artefacts: short(artefacts),
    logs: short(logs),
    rotated: short(rotated),
    releases: short(goneReleases),
    bundles: short(goneBundles),
    snapshots: goneSnapshots.length,
    states: short(goneStates),
  };
}

/** The releases of a stack on this machine, and the one that runs. @throws FleetError RELEASE_DAMAGED */
async function releasesOf(
  where: StackFiles,
): Promise<{ releases: ReleaseDocument[]; current: ReleaseDocument | undefined }> {
  const found = await Promise.all((await releaseIds(where)).map((id) => readRelease(where, id)));
  return {
    releases: found.filter((release) => release !== undefined),
    current: await readRelease(where, "current"),
  };
}

async function oldFiles(folder: string, names: RegExp, since: number): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (names.test(name) && (await stat(path)).mtimeMs < since) found.push(path);
  }
  return found;
}

async function stacksIn(home: string, project: string): Promise<string[]> {
  const folders = await readdir(join(home, "releases")).catch(() => []);
  return folders
    .filter((name) => name.startsWith(`${project}.`))
    .map((name) => name.slice(project.length + 1));
}

/** Whether other projects keep releases in the same folder. Then no bundle is removed, since theirs may be needed. */
async function foreignStacks(home: string, project: string): Promise<boolean> {
  const folders = await readdir(join(home, "releases")).catch(() => []);
  return folders.some((name) => !name.startsWith(`${project}.`));
}

/** Unneeded files `<hash>.<ending>` of a store. The first ending is the content, the others belong to it. */
async function oldContent(
  folder: string,
  endings: readonly [string, ...string[]],
  needed: ReadonlySet<string>,
  foreign: boolean,
  since: number,
): Promise<string[]> {
  if (foreign) return [];
  const gone: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [hash = "", ...rest] = name.split(".");
    if (!/^[0-9a-f]{64}$/.test(hash) || rest.join(".") !== endings[0] || needed.has(hash)) continue;
    // The next preview builds again what the present program needs.
    if ((await stat(join(folder, name))).mtimeMs >= since) continue;
    gone.push(...endings.map((ending) => join(folder, `${hash}.${ending}`)));
  }
  return gone;
}
