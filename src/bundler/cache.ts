import { mkdirSync, readFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../core/hash.ts";
import { replaceFileSync } from "../core/replace-file.ts";
import { analyse } from "./analyse.ts";
import type { Facts } from "./facts.ts";
import { minifyLua } from "./minify.ts";

/** Increased whenever the facts or how they are found change, or the minifier, so that what an older version cached is not used. */
const FORMAT = 6;
const MOST = 8_000;

/** A cache of facts and of minified texts by the hash of their source: in this process, and in a folder if one is given. */
export interface FactCache {
  readonly folder: string | undefined;
}

const remembered = new Map<string, Facts>();

/** The facts of a source; parsed once per content. */
export function factsOf(text: string, hash: string, cache: FactCache): Facts {
  const known = remembered.get(hash) ?? read(hash, cache);
  if (known) {
    remembered.set(hash, known);
    return known;
  }
  const facts = analyse(text);
  if (remembered.size >= MOST) {
    const [oldest] = remembered.keys();
    if (oldest !== undefined) remembered.delete(oldest);
  }
  remembered.set(hash, facts);
  write(`${hash}.json`, JSON.stringify({ format: FORMAT, facts }), cache);
  return facts;
}

const minified = new Map<string, string>();

/** The minified text of a source; made once per content. */
export function minifiedOf(text: string, hash: string, cache: FactCache): string {
  let small = minified.get(hash) ?? readMinified(hash, cache);
  if (small === undefined) {
    small = minifyLua(text);
    write(minifiedFile(hash), JSON.stringify({ format: FORMAT, sha256: sha256(small), text: small }), cache);
  }
  if (minified.size >= MOST) minified.clear();
  minified.set(hash, small);
  return small;
}

const located = new Map<string, Facts>();

/** The offset of a find; at the first request, the source is parsed again, with places. */
export function offsetIn(text: string, hash: string, order: number): number {
  let facts = located.get(hash);
  if (!facts) {
    facts = analyse(text, true);
    if (located.size >= 100) located.clear();
    located.set(hash, facts);
  }
  const { requires, handlers, globals, locals, limits, lacks } = facts;
  for (const list of [requires, handlers, globals, locals, limits, lacks]) {
    const found = list.find((candidate) => candidate.order === order);
    if (found) return found.offset;
  }
  return 0;
}

/** Clears the cache of this process. Exported for tests. */
export function clearFactCache(): void {
  remembered.clear();
  located.clear();
  minified.clear();
}

/** Removes facts that a folder has cached since before a time, in milliseconds since 1970. They are parsed again when needed. */
export async function removeOldFacts(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = /^[0-9a-f]{64}\.(min\.)?json/.test(name)
      ? await stat(path).catch(() => undefined)
      : undefined;
    if (found && found.mtimeMs < before) await rm(path, { force: true });
  }
}

function read(hash: string, cache: FactCache): Facts | undefined {
  try {
    const { format, facts } = JSON.parse(readText(`${hash}.json`, cache) ?? "{}") as {
      format?: number;
      facts?: Facts;
    };
    return format === FORMAT ? facts : undefined;
  } catch {
    return undefined; // Truncated: parsed again.
  }
}

const minifiedFile = (hash: string): string => `${hash}.min.json`;

/** This text is deployed, so a damaged file is not used. */
function readMinified(hash: string, cache: FactCache): string | undefined {
  try {
    const {
      format,
      sha256: digest,
      text,
    } = JSON.parse(readText(minifiedFile(hash), cache) ?? "{}") as {
      format?: number;
      sha256?: string;
      text?: string;
    };
    return format === FORMAT && text !== undefined && sha256(text) === digest ? text : undefined;
  } catch {
    return undefined;
  }
}

function readText(file: string, { folder }: FactCache): string | undefined {
  if (folder === undefined) return undefined;
  try {
    return readFileSync(join(folder, file), "utf8");
  } catch {
    return undefined; // Missing.
  }
}

function write(file: string, text: string, { folder }: FactCache): void {
  if (folder === undefined) return;
  try {
    mkdirSync(folder, { recursive: true });
    replaceFileSync(join(folder, file), text);
  } catch {
    // Without the cache, bundling is only slower.
  }
}
