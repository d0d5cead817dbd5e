import { mkdirSync, readFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { replaceFileSync } from "../core/replace-file.ts";
import { analyse } from "./analyse.ts";
import type { Facts } from "./facts.ts";

/** Increased whenever the facts or how they are found change, so that older cached facts are not used. */
const FORMAT = 5;
const MOST = 8_000;

/** A cache of facts by the hash of their source: in this process, and in a folder if one is given. */
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
  write(hash, facts, cache);
  return facts;
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
  const { requires, handlers, globals, locals, limits } = facts;
  for (const list of [requires, handlers, globals, locals, limits]) {
    const found = list.find((candidate) => candidate.order === order);
    if (found) return found.offset;
  }
  return 0;
}

/** Clears the cache of this process; for measurements. */
export function clearFactCache(): void {
  remembered.clear();
  located.clear();
}

/** Removes facts that a folder has cached since before a time, in milliseconds since 1970. They are parsed again when needed. */
export async function removeOldFacts(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = /^[0-9a-f]{64}\.json/.test(name) ? await stat(path).catch(() => undefined) : undefined;
    if (found && found.mtimeMs < before) await rm(path, { force: true });
  }
}

function read(hash: string, { folder }: FactCache): Facts | undefined {
  if (folder === undefined) return undefined;
  try {
    const { format, facts } = JSON.parse(readFileSync(join(folder, `${hash}.json`), "utf8")) as {
      format: number;
      facts: Facts;
    };
    return format === FORMAT ? facts : undefined;
  } catch {
    return undefined; // Missing or truncated: parsed again.
  }
}

function write(hash: string, facts: Facts, { folder }: FactCache): void {
  if (folder === undefined) return;
  try {
    mkdirSync(folder, { recursive: true });
    replaceFileSync(join(folder, `${hash}.json`), JSON.stringify({ format: FORMAT, facts }));
  } catch {
    // Without the cache, bundling is only slower.
  }
}
