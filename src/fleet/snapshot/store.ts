import type { Dirent } from "node:fs";
import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { z } from "zod";
import { sha256 } from "../../core/hash.ts";
import { ifMissing } from "../../core/missing.ts";
import { readJson, writeAtomically, writeBytesAtomically } from "../files.ts";
import type { StackFiles } from "../session/scope.ts";

/** The metadata of a snapshot: the states of one process at one slot. */
const SnapshotSchema = z.strictObject({
  /** Name in the fleet. */
  member: z.string(),
  /** The AO process. */
  processId: z.string(),
  /** Number of AO processes that the member has had. */
  generation: z.number().int(),
  /** sha256 of the states' canonical JSON, as reported by the process: the name of the text in the store. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** The slot at which they were exported; 0 if unknown. */
  slot: z.number().int(),
  /** ISO 8601. */
  takenAt: z.string(),
  /** `upgrade`: before new code, `restore`: before other states, `backup`: manually. */
  reason: z.enum(["upgrade", "restore", "backup"]),
  /** The run or command that took it. */
  deploymentId: z.string(),
  /** The code that ran then. */
  sourceHash: z.string(),
  /** The shape of the states. */
  stateVersion: z.string(),
  /** Bytes of the text. */
  bytes: z.number().int(),
  /** Names of the registered tables that were not empty. @default unknown, in snapshots of earlier versions */
  states: z.array(z.string()).optional(),
  /** Names of the exported globals. @default unknown, in snapshots of earlier versions */
  globals: z.array(z.string()).optional(),
});

export type Snapshot = z.infer<typeof SnapshotSchema>;

/** The snapshots of one stack: gzipped texts by digest, and one metadata file per snapshot. */
interface SnapshotStore {
  /** Stores the text of a snapshot with its metadata. */
  put(snapshot: Snapshot, text: string): Promise<void>;
  /** The text with that digest; undefined if it is missing or does not match. */
  text(digest: string): Promise<string | undefined>;
  /** All snapshots, newest first; of one member if given. */
  list(member?: string): Promise<Snapshot[]>;
  /** Metadata of one member that cannot be read: its path, and the time in its name. */
  damaged(member: string): Promise<{ readonly path: string; readonly takenAt: string }[]>;
  /** Paths of the metadata of some snapshots. */
  paths(which: (snapshot: Snapshot) => boolean): Promise<string[]>;
}

/** The time at the start of a metadata file's name: what follows its minutes stays. */
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/;
/** The end of a metadata file's name: the digest's first digits. */
const NAMED = /-([0-9a-f]{12})\.json$/;

/** `.fleet/snapshots/<digest>.json.gz` and `.fleet/snapshots/<project>.<stack>/<member>/<time>-<digest>.json`. */
export function snapshotStore(scope: StackFiles): SnapshotStore {
  const texts = join(scope.home, "snapshots");
  const known = join(texts, `${scope.project}.${scope.stack}`);
  const pathOf = (digest: string): string => join(texts, `${digest}.json.gz`);
  const entries = async (folder: string) => {
    const found: { path: string; snapshot: Snapshot }[] = [];
    const damaged: { path: string; takenAt: string }[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.endsWith(".json")) continue;
      const path = join(folder, name);
      const parsed = SnapshotSchema.safeParse(await readJson(path).catch(() => undefined));
      if (parsed.success) found.push({ path, snapshot: parsed.data });
      else damaged.push({ path, takenAt: name.replace(NAMED, "").replace(STAMP, "$1-$2-$3T$4:$5:") });
    }
    return { found, damaged };
  };
  const all = async (member?: string) => {
    const members = member === undefined ? await readdir(known).catch(() => []) : [member];
    const found = await Promise.all(members.map((name) => entries(join(known, name))));
    return found
      .flatMap((each) => each.found)
      .sort((a, b) => (a.snapshot.takenAt < b.snapshot.takenAt ? 1 : -1));
  };
  const textOf = async (digest: string) => {
    if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
    try {
      const text = (await promisify(gunzip)(await readFile(pathOf(digest)))).toString("utf8");
      return sha256(text) === digest ? text : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    async put(snapshot, text) {
      const path = pathOf(snapshot.digest);
      const write = async () => writeBytesAtomically(path, await promisify(gzip)(text));
      // The text first, so that a reader of the metadata finds it. One that is there becomes new, so that no clean-up removes it meanwhile.
      const now = new Date();
      if (!(await succeeds(utimes(path, now, now)))) await write();
      const stamp = snapshot.takenAt.replace(/[-:]/g, "");
      const name = `${stamp}-${snapshot.digest.slice(0, 12)}.json`;
      await writeAtomically(join(known, snapshot.member, name), `${JSON.stringify(snapshot, null, 2)}\n`);
      // One that was there may be damaged, or a clean-up that began before removed it.
      if ((await textOf(snapshot.digest)) === undefined) await write();
    },
    text: textOf,
    damaged: async (member) => (await entries(join(known, member))).damaged,
    list: async (member) => (await all(member)).map(({ snapshot }) => snapshot),
    paths: async (which) => (await all()).flatMap(({ path, snapshot }) => (which(snapshot) ? [path] : [])),
  };
}

/**
 * Paths of the texts in a folder `.fleet` that no metadata of any stack names. The file name of metadata is enough, because its content may be
 * damaged or of a later version.
 *
 * @param gone paths of metadata that does not count
 * @param since newer texts are left out: a deployment writes the text before its metadata; milliseconds since 1970
 */
export async function textsWithoutMetadata(
  home: string,
  gone: ReadonlySet<string>,
  since: number,
): Promise<string[]> {
  const texts = join(home, "snapshots");
  const needed = new Set<string>();
  for (const stack of await folders(texts))
    for (const member of await folders(join(texts, stack)))
      for (const name of await namesIn(join(texts, stack, member))) {
        const digits = NAMED.exec(name)?.[1];
        if (digits !== undefined && !gone.has(join(texts, stack, member, name))) needed.add(digits);
      }
  const found: string[] = [];
  for (const name of await namesIn(texts)) {
    const path = join(texts, name);
    if (!/^[0-9a-f]{64}\.json\.gz$/.test(name) || needed.has(name.slice(0, 12))) continue;
    if ((await stat(path)).mtimeMs < since) found.push(path);
  }
  return found;
}

/**
 * Removes texts, except for those that became new since they were found: a backup with the same state is being made.
 *
 * @param since as for `textsWithoutMetadata`
 * @returns what was removed
 */
export async function removeOldTexts(paths: readonly string[], since: number): Promise<string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    const mtimeMs = await stat(path).then(
      (found) => found.mtimeMs,
      () => undefined,
    );
    if (mtimeMs === undefined || mtimeMs >= since) continue;
    await rm(path, { force: true });
    removed.push(path);
  }
  return removed;
}

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

const folders = async (path: string): Promise<string[]> =>
  (await entriesIn(path)).filter((entry) => entry.isDirectory()).map(({ name }) => name);

const namesIn = async (path: string): Promise<string[]> => (await entriesIn(path)).map(({ name }) => name);

/** The entries of a folder; none if it does not exist. @throws the file system's error if it cannot be read */
const entriesIn = (path: string): Promise<Dirent[]> =>
  readdir(path, { withFileTypes: true }).catch(ifMissing([]));
