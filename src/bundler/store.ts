import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../core/hash.ts";
import { ifMissing } from "../core/missing.ts";
import { replaceFile } from "../core/replace-file.ts";
import type { Bundle, SourceMap } from "./types.ts";

export interface StoredBundle {
  readonly hash: string;
  readonly text: string;
  /** Absent if the file next to the bundle was lost. */
  readonly map?: SourceMap;
}

interface BundleStore {
  /** Stores a bundle and its map; returns the bundle's path. Idempotent. */
  put(bundle: Pick<Bundle, "hash" | "text" | "map">): Promise<string>;
  /** The bundle with that hash, or undefined if it is missing or its bytes do not match the hash. */
  get(hash: string): Promise<StoredBundle | undefined>;
  /** The path of the bundle with that hash, whether it exists or not. */
  path(hash: string): string;
}

/** Bundles contain no secrets. */
export const PUBLIC = { mode: 0o644 };

/** A content-addressed store of bundles in a folder: `<sha256>.lua`, with `<sha256>.map.json` next to it. */
export function store(dir: string): BundleStore {
  const path = (hash: string): string => join(dir, `${hash}.lua`);
  const mapPath = (hash: string): string => join(dir, `${hash}.map.json`);
  return {
    path,
    async put({ hash, text, map }) {
      await mkdir(dir, { recursive: true });
      // The map first, so that a reader who sees the bundle also finds its map.
      await replaceFile(mapPath(hash), JSON.stringify(map), PUBLIC);
      if ((await readText(path(hash))) !== text) await replaceFile(path(hash), text, PUBLIC);
      return path(hash);
    },
    async get(hash) {
      if (!/^[0-9a-f]{64}$/.test(hash)) return undefined;
      const text = await readText(path(hash));
      if (text === undefined || sha256(text) !== hash) return undefined;
      const map = parseMap(await readText(mapPath(hash)), hash);
      return map ? { hash, text, map } : { hash, text };
    },
  };
}

const readText = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch(ifMissing(undefined));

function parseMap(text: string | undefined, hash: string): SourceMap | undefined {
  if (text === undefined) return undefined;
  try {
    const map = JSON.parse(text) as SourceMap;
    return map.version === 1 && map.hash === hash ? map : undefined;
  } catch {
    return undefined;
  }
}
