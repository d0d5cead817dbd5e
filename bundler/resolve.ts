import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import { isDottedAosModule, isPlainAosModule } from "./aos-modules.ts";
import type { Files } from "./files.ts";

/** Where a `require` leads: to a file, to the process' own `require`, or nowhere. */
export type Resolution =
  | { readonly to: "file"; readonly path: string; readonly searched: string }
  | { readonly to: "process" }
  | { readonly to: "nothing"; readonly searched: readonly string[] };

export interface ResolveOptions {
  readonly root: string;
  readonly entryFolder: string;
  readonly search: readonly string[];
  readonly externals: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
  /** A folder of `search` whose files belong together, also where it lies inside a package. */
  readonly library: string | undefined;
}

const PROCESS: Resolution = { to: "process" };

/** Finds modules as a program's author means them. Remembers answers for the length of one bundling. */
export class Resolver {
  readonly #files: Files;
  readonly #options: ResolveOptions;
  readonly #shared = new Map<string, Resolution>();

  constructor(files: Files, options: ResolveOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** `from` is the requiring file. Order: alias, external, aos' dotted names, `./`, folders, aos' names, packages. */
  resolve(name: string, from: string): Resolution {
    const alias = Object.hasOwn(this.#options.aliases, name) ? this.#options.aliases[name] : undefined;
    if (alias !== undefined && alias !== name) return this.#alias(alias, from);
    if (this.#options.externals.some((pattern) => matches(pattern, name))) return PROCESS;
    if (isDottedAosModule(name)) return PROCESS;
    if (/^\.\.?\//.test(name)) return this.#inFolders(name, [dirname(from)]);
    const home = this.#home(from);
    const foreign = home.length > 0 && !home.some((folder) => isWithin(this.#options.entryFolder, folder));
    const key = home.length === 0 ? name : undefined;
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known?.to === "file") return known;
    const plain = name.startsWith(".") ? name.slice(1) : name;
    // A library written for aos gets aos' own module, whatever the project calls its files.
    const folders = foreign && isPlainAosModule(name) ? home : this.#folders(home, foreign, from);
    const found = this.#inFolders(plain, folders);
    if (found.to === "file") {
      // What the requirer's own folder answers holds for that folder only.
      if (key !== undefined && found.searched !== dirname(from)) this.#shared.set(key, found);
      return found;
    }
    if (isPlainAosModule(name)) return PROCESS;
    return this.#inPackages(plain, from, found.to === "nothing" ? found.searched : []);
  }

  /** The folders in which a package's or a searched library's own files lie; none for the project's files. */
  #home(from: string): string[] {
    const { library } = this.#options;
    if (library !== undefined && from.startsWith(library + sep)) return [library];
    const own = packageRoot(from);
    if (own !== undefined) return [own, join(own, "src"), join(own, "lua")];
    const home = this.#options.search.find((folder) => from.startsWith(folder + sep));
    return home === undefined ? [] : [home];
  }

  #folders(home: readonly string[], foreign: boolean, from: string): string[] {
    const { root, entryFolder, search } = this.#options;
    const first = foreign ? [...home, entryFolder, root] : [entryFolder, root, ...home];
    return [...new Set([...first, ...search, dirname(from)])];
  }

  #alias(target: string, from: string): Resolution {
    const path = isAbsolute(target) ? target : resolve(this.#options.root, target);
    if (this.#files.isFile(path)) return { to: "file", path, searched: this.#options.root };
    const { aliases: _, ...rest } = this.#options;
    return new Resolver(this.#files, { ...rest, aliases: {} }).resolve(target, from);
  }

  #inFolders(name: string, folders: readonly string[]): Resolution {
    const searched: string[] = [];
    const forms = candidates(name);
    for (const folder of folders) {
      for (const candidate of forms) {
        const path = resolve(folder, candidate);
        if (this.#files.isFile(path)) return { to: "file", path, searched: folder };
        searched.push(path);
      }
    }
    return { to: "nothing", searched };
  }

  #inPackages(name: string, from: string, searched: readonly string[]): Resolution {
    const parts = name.startsWith("@")
      ? /^(@[^/]+\/[^/.]+)(?:[/.](.+))?$/.exec(name)
      : /^([^/.]+)(?:[/.](.+))?$/.exec(name);
    const [, packageName, rest] = parts ?? [];
    const looked = [...searched];
    if (packageName !== undefined) {
      const folders = [...new Set([...upwards(dirname(from)), ...upwards(this.#options.root)])];
      for (const folder of folders) {
        const home = join(folder, "node_modules", packageName);
        if (!this.#files.isFolder(home)) continue;
        if (rest === undefined) {
          const entry = packageEntry(this.#files, home);
          if (entry !== undefined) return { to: "file", path: entry, searched: home };
          looked.push(join(home, "init.lua"));
          continue;
        }
        const found = this.#inFolders(rest, [home, join(home, "src"), join(home, "lua")]);
        if (found.to === "file") return found;
        if (found.to === "nothing") looked.push(...found.searched);
      }
      if (looked.length === searched.length)
        looked.push(join(this.#options.root, "node_modules", packageName));
    }
    return { to: "nothing", searched: looked };
  }
}

/** The Lua file that a package is used by: `lua` in its package.json, a Lua `main`, or the usual names. */
export function packageEntry(files: Files, home: string): string | undefined {
  const named: string[] = [];
  try {
    const { lua, main } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Record<
      string,
      unknown
    >;
    if (typeof lua === "string") named.push(lua);
    if (typeof main === "string" && main.endsWith(".lua")) named.push(main);
  } catch {
    // A package without a readable package.json still has the usual names.
  }
  const base = home.slice(home.lastIndexOf("/") + 1);
  return [...named, "init.lua", `${base}.lua`, "src/init.lua", `src/${base}.lua`, "main.lua", "index.lua"]
    .map((name) => join(home, name))
    .find((path) => files.isFile(path));
}

/** The file names that a `require` name may mean, most usual first. */
function candidates(name: string): string[] {
  const relative = /^(?:\.\.?\/)+/.exec(name)?.[0] ?? "";
  const rest = name.slice(relative.length);
  const dotted = relative + rest.replace(/\./g, "/");
  const forms = [`${dotted}.lua`, `${dotted}/init.lua`, `${name}.lua`, `${name}/init.lua`];
  if (name.endsWith(".lua")) forms.unshift(name);
  return [...new Set(forms)].filter((form) => !form.includes("\0"));
}

function packageRoot(file: string): string | undefined {
  return /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+(?=[/\\])/.exec(file)?.[0];
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

function upwards(folder: string): string[] {
  const folders = [folder];
  for (let at = folder; dirname(at) !== at; at = dirname(at)) folders.push(dirname(at));
  return folders;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
