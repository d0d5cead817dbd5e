import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { z } from "zod";
import { sha256 } from "../../core/hash.ts";
import { readJson, writeAtomically, writeBytesAtomically } from "../files.ts";
import type { Scope } from "../session/scope.ts";

/** The states of one process at one slot: what is known of them beside the text itself. */
const SnapshotSchema = z.strictObject({
  /** Name in the fleet. */
  member: z.string(),
  /** The AO process. */
  processId: z.string(),
  /** Counts the AO processes that the member has had. */
  generation: z.number().int(),
  /** sha256 of the states' canonical JSON, as the process itself gave it: the name of the text in the store. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** The slot at which they were exported; 0 where the network says none. */
  slot: z.number().int(),
  /** ISO 8601. */
  takenAt: z.string(),
  /** `upgrade` before new code, `restore` before other states, `backup` by hand. */
  reason: z.enum(["upgrade", "restore", "backup"]),
  /** The run or command that took it. */
  deploymentId: z.string(),
  /** The code that ran then. */
  sourceHash: z.string(),
  /** The shape that the states had. */
  stateVersion: z.string(),
  /** Bytes of the text. */
  bytes: z.number().int(),
  /** Names of the registered tables that had anything in them. @default not written down by earlier versions */
  states: z.array(z.string()).optional(),
  /** Names of the globals that are in it. @default not written down by earlier versions */
  globals: z.array(z.string()).optional(),
});

export type Snapshot = z.infer<typeof SnapshotSchema>;

/** Snapshots of one stack: texts by digest, gzipped, and beside them one small file for each time that they were taken. */
interface SnapshotStore {
  /** Keeps a text and what is known of it. */
  put(snapshot: Snapshot, text: string): Promise<void>;
  /** The text of a digest; undefined when it is not here or not what its name says. */
  text(digest: string): Promise<string | undefined>;
  /** All that were taken, newest first; of one member where it is named. */
  list(member?: string): Promise<Snapshot[]>;
  /** Forgets some, and then the texts that nobody names any more. Answers how many files went. */
  forget(which: (snapshot: Snapshot) => boolean): Promise<number>;
}

/** `.fleet/snapshots/<digest>.json.gz` and `.fleet/snapshots/<project>.<stack>/<member>/<time>-<digest>.json`. */
export function snapshotStore(scope: Pick<Scope, "home" | "project" | "stack">): SnapshotStore {
  const texts = join(scope.home, "snapshots");
  const known = join(texts, `${scope.project}.${scope.stack}`);
  const pathOf = (digest: string): string => join(texts, `${digest}.json.gz`);
  const entries = async (folder: string) => {
    const found: { path: string; snapshot: Snapshot }[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.endsWith(".json")) continue;
      const path = join(folder, name);
      const parsed = SnapshotSchema.safeParse(await readJson(path).catch(() => undefined));
      if (parsed.success) found.push({ path, snapshot: parsed.data });
    }
    return found;
  };
  const all = async (member?: string) => {
    const members = member === undefined ? await readdir(known).catch(() => []) : [member];
    const found = await Promise.all(members.map((name) => entries(join(known, name))));
    return found.flat().sort((a, b) => (a.snapshot.takenAt < b.snapshot.takenAt ? 1 : -1));
  };
  return {
    async put(snapshot, text) {
      const path = pathOf(snapshot.digest);
      // The text first: whoever sees the entry finds it.
      if (!(await exists(path))) await writeBytesAtomically(path, await promisify(gzip)(text));
      const stamp = snapshot.takenAt.replace(/[-:]/g, "");
      const name = `${stamp}-${snapshot.digest.slice(0, 12)}.json`;
      await writeAtomically(join(known, snapshot.member, name), `${JSON.stringify(snapshot, null, 2)}\n`);
    },
    async text(digest) {
      if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
      try {
        const text = (await promisify(gunzip)(await readFile(pathOf(digest)))).toString("utf8");
        return sha256(text) === digest ? text : undefined;
      } catch {
        return undefined;
      }
    },
    list: async (member) => (await all(member)).map(({ snapshot }) => snapshot),
    async forget(which) {
      let gone = 0;
      for (const { path, snapshot } of await all()) {
        if (!which(snapshot)) continue;
        await rm(path, { force: true });
        gone += 1;
      }
      // Other stacks of this folder may have the same states.
      const needed = new Set<string>();
      for (const folder of await folders(texts))
        for (const name of await folders(join(texts, folder)))
          for (const { snapshot } of await entries(join(texts, folder, name))) needed.add(snapshot.digest);
      for (const name of await readdir(texts).catch(() => [])) {
        const digest = /^([0-9a-f]{64})\.json\.gz$/.exec(name)?.[1];
        if (digest === undefined || needed.has(digest)) continue;
        await rm(join(texts, name), { force: true });
        gone += 1;
      }
      return gone;
    },
  };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function folders(path: string): Promise<string[]> {
  const found = await readdir(path, { withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
