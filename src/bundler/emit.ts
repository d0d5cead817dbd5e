import { readFileSync } from "node:fs";
import { sha256 } from "../core/hash.ts";
import { isDottedAosModule, isPlainAosModule } from "./aos-modules.ts";
import { constantLines, luaString } from "./constants.ts";
import { isRelative } from "./graph.ts";
import type { GraphModule } from "./graph-module.ts";
import { countLines } from "./source.ts";
import type { Bundle, BundledModule, MappedModule } from "./types.ts";

/** The input of a bundle's text. */
interface Emission {
  readonly name: string;
  readonly modules: readonly GraphModule[];
  /** Files that are run, in order; the last is the program itself. */
  readonly order: readonly string[];
  readonly constants: Readonly<Record<string, string | number | boolean>>;
  /** Whether a module belongs to the fleet's library, which has an environment of its own. */
  readonly isLibrary: (module: GraphModule) => boolean;
  /** A module's text in the bundle; it has at most as many lines as its source. */
  readonly textOf: (module: GraphModule) => string;
}

/** A Lua file of this folder without comments and indentation. */
const luaFile = (name: string): string =>
  readFileSync(new URL(name, import.meta.url), "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("--"))
    .join("\n");

const RUNTIME = luaFile("./runtime.lua");
const LIBRARY_ENV = luaFile("./library-env.lua");

/** Writes the chunk. Modules are functions in a table, sorted by file, so that Lua's limits apply to each of them alone. */
export function emit(emission: Emission): Omit<Bundle, "warnings" | "keeps"> {
  const { name, order, constants, isLibrary } = emission;
  const sorted = [...emission.modules].sort((a, b) => (a.file < b.file ? -1 : 1));
  const hasLibrary = sorted.some(isLibrary);
  const parts: string[] = [`do local __fleet_modules${hasLibrary ? ", __fleet_env" : ""} = {}\n`];
  const bundled: BundledModule[] = [];
  const mapped: MappedModule[] = [];
  let line = 2;
  for (const module of sorted) {
    const text = emission.textOf(module);
    const body = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    // `_ENV` and `require` are upvalues of the module, as in its own chunk, so they use none of its locals.
    parts.push(
      isLibrary(module)
        ? `__fleet_modules[${luaString(module.file)}] = function(_, require) local _ENV = __fleet_env return function(...)\n`
        : `__fleet_modules[${luaString(module.file)}] = function(_ENV, require) return function(...)\n`,
      body,
      "end end\n",
    );
    const count = countLines(body) - 1;
    const lines = { start: line + 1, count };
    line += count + 2;
    const { file, hash } = module;
    bundled.push({ name: module.name, file, hash, bytes: Buffer.byteLength(body), lines });
    mapped.push({ name: module.name, file, lines, source: module.text });
  }
  for (const constant of constantLines(constants)) parts.push(`${constant}\n`);
  if (hasLibrary) parts.push(LIBRARY_ENV, "\n__fleet_env = environment()\n");
  parts.push(RUNTIME, "\n", call(name, sorted, emission.modules, order), "end\n");
  const text = parts.join("");
  const hash = sha256(text);
  return {
    name,
    text,
    hash,
    bytes: Buffer.byteLength(text),
    modules: bundled,
    map: { version: 1, name, hash, modules: mapped },
  };
}

function call(
  name: string,
  sorted: readonly GraphModule[],
  met: readonly GraphModule[],
  order: readonly string[],
): string {
  const names = new Map<string, string>();
  for (const module of met) {
    for (const { name, to } of module.edges) {
      if (to !== undefined && !isRelative(name) && !names.has(name)) names.set(name, to);
    }
  }
  for (const module of met) if (!names.has(module.name)) names.set(module.name, module.file);
  const own = new Map<string, string>();
  for (const module of sorted) {
    const different = new Map<string, string>();
    for (const { name, to } of module.edges) {
      if (names.get(name) !== to) different.set(name, to === undefined ? "false" : luaString(to));
    }
    if (different.size > 0) own.set(module.file, table(different));
  }
  // A file whose name means another file elsewhere is visible only inside the bundle.
  const primary = sorted.filter((module) => names.get(module.name) === module.file);
  const hidden = [...names.keys()].filter((name) => isPlainAosModule(name) || isDottedAosModule(name));
  const quoted = (pairs: Iterable<[string, string]>) =>
    new Map([...pairs].map(([k, v]) => [k, luaString(v)]));
  return [
    `start(${luaString(name)}, __fleet_modules,`,
    `${table(quoted(names))},`,
    `${table(own)},`,
    `${table(quoted(primary.map((module) => [module.file, module.name])))},`,
    `${table(new Map(hidden.map((name) => [name, "true"])))},`,
    `{ ${order.map(luaString).join(", ")} })\n`,
  ].join("\n");
}

function table(entries: ReadonlyMap<string, string>): string {
  const fields = [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `[${luaString(key)}] = ${value}`);
  return `{ ${fields.join(", ")} }`;
}
