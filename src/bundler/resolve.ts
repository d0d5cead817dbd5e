import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import type { ImageModules } from "./aos-modules.ts";
import { type Files, identityOf } from "./files.ts";

/**
 * The target of a `require`: a file, the process' own `require`, or none. `assumed`: it is unknown whether the
 * image contains it. `outside`: a file outside the project that the name resolves to; it was not read.
 */
export type Resolution =
  | { readonly to: "file"; readonly path: string; readonly searched: string }
  | { readonly to: "process"; readonly assumed?: true }
  | { readonly to: "nothing"; readonly searched: readonly string[]; readonly outside?: string };

/** What a name that was not found probably means: a file of the project, or a module of the image. */
export type Meant = { readonly file: string } | { readonly module: string };

interface ResolveOptions {
  readonly root: string;
  readonly entryFolder: string;
  readonly search: readonly string[];
  readonly externals: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
  /** A folder of `search` whose files belong together, even if it is inside a package. */
  readonly library: string | undefined;
  readonly image: ImageModules;
}

const PROCESS: Resolution = { to: "process" };

/** Resolves module names as the program's author means them. Caches results for one bundling. */
export class Resolver {
  readonly #files: Files;
  readonly #options: ResolveOptions;
  readonly #shared = new Map<string, Resolution>();
  /** The folders that belong to the project, and their targets if they are symbolic links. */
  readonly #own: readonly string[];
  readonly #ownIdentities: readonly string[];
  /** Folders that are searched for every file of the project. */
  readonly #searchedForAll: ReadonlySet<string>;

  constructor(files: Files, options: ResolveOptions) {
    this.#files = files;
    this.#options = options;
    this.#own = [...new Set([options.root, options.entryFolder, ...options.search])];
    this.#ownIdentities = this.#own.map(identityOf);
    this.#searchedForAll = new Set(this.#own);
  }

  /**
   * `from` is the requiring file. Order: alias, external, the image's dotted names, `./`, folders, the image's plain
   * names, packages. No name resolves to a file outside the project, the `search` folders and the packages.
   */
  resolve(name: string, from: string): Resolution {
    const alias = Object.hasOwn(this.#options.aliases, name) ? this.#options.aliases[name] : undefined;
    if (alias !== undefined && alias !== name) return this.#alias(alias, from);
    if (this.#options.externals.some((pattern) => matches(pattern, name))) return PROCESS;
    const carried = this.#options.image.carries(name);
    const dotted = /^\.+[^./]/.test(name);
    if (dotted && carried) return PROCESS;
    if (/^\.\.?\//.test(name)) return this.#relative(name, from);
    const home = this.#home(from);
    const foreign = home.length > 0 && !home.some((folder) => isWithin(this.#options.entryFolder, folder));
    const key = home.length === 0 ? name : undefined;
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known?.to === "file") return known;
    const plain = name.replace(/^\.+/, "");
    // A library written for aos gets aos' own module, whatever the names of the project's files.
    const folders = foreign && carried ? home : this.#folders(home, foreign, from);
    const found = this.#inFolders(plain, folders);
    if (found.to === "file") {
      // A file in the requiring file's own folders is valid only for those folders.
      if (key !== undefined && this.#searchedForAll.has(found.searched)) this.#shared.set(key, found);
      return found;
    }
    if (carried) return PROCESS;
    const packaged = this.#inPackages(plain, from, found);
    if (packaged.to === "file" || foreign) return packaged;
    // A program in a subfolder may name its modules relative to any folder above it.
    const above = this.#inFolders(
      plain,
      upwards(dirname(from)).filter((folder) => this.#isOwn(folder)),
    );
    if (above.to === "file") return above;
    return dotted && carried === undefined ? { to: "process", assumed: true } : packaged;
  }

  /** What a name that was not found means, if only case or a leading dot is wrong. */
  meant(name: string, searched: readonly string[]): Meant | undefined {
    for (const path of searched) {
      const file = this.#files.inOtherCase(path, this.#options.root);
      if (file !== undefined) return { file };
    }
    return this.#options.image.carries(`.${name}`) ? { module: `.${name}` } : undefined;
  }

  /** A name that starts with `./` or `../`: relative to the requiring file, else, as in aos' `.load`, to the entry's folder. */
  #relative(name: string, from: string): Resolution {
    const found = this.#inFolders(name, [dirname(from)]);
    if (found.to === "file") return found;
    const again = this.#inFolders(name.replace(/^(\.\.?\/)+/, ""), [this.#options.entryFolder]);
    return again.to === "file" ? again : found;
  }

  /** The folders of a package's or searched library's own files; none for the project's files. */
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

  #isOwn(path: string): boolean {
    return this.#own.some((folder) => isWithin(path, folder));
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
    let outside: string | undefined;
    for (const folder of folders) {
      for (const candidate of forms) {
        // Joined, not resolved: a name that starts with a slash is not an absolute path.
        const path = join(folder, candidate);
        if (!this.#belongs(path, folder)) {
          outside ??= path;
          continue;
        }
        if (this.#files.isFile(path)) {
          if (this.#leadsOut(path, folder)) outside ??= path;
          else return { to: "file", path, searched: folder };
        }
        searched.push(path);
      }
    }
    return { to: "nothing", searched, ...(outside === undefined ? {} : { outside }) };
  }

  /** True for a path in the project, or in the package that is searched. */
  #belongs(path: string, folder: string): boolean {
    return this.#isOwn(path) || isWithin(path, packageRoot(join(folder, "x")) ?? folder);
  }

  /** True if symbolic links lead from a path inside the project to a file outside. */
  #leadsOut(path: string, folder: string): boolean {
    const file = identityOf(path);
    // A linked package is a folder of its own, wherever it is.
    const home = identityOf(packageRoot(join(folder, "x")) ?? folder);
    return !isWithin(file, home) && !this.#ownIdentities.some((own) => isWithin(file, own));
  }

  #inPackages(name: string, from: string, found: Resolution): Resolution {
    const before = found.to === "nothing" ? found : { searched: [] };
    const parts = name.startsWith("@")
      ? /^(@[^/]+\/[^/.]+)(?:[/.](.+))?$/.exec(name)
      : /^([^/.]+)(?:[/.](.+))?$/.exec(name);
    const [, packageName, rest] = parts ?? [];
    const looked = [...before.searched];
    let outside = "outside" in before ? before.outside : undefined;
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
        const inside = this.#inFolders(rest, [home, join(home, "src"), join(home, "lua")]);
        if (inside.to === "file") return inside;
        if (inside.to === "nothing") {
          looked.push(...inside.searched);
          outside ??= inside.outside;
        }
      }
      if (looked.length === before.searched.length)
        looked.push(join(this.#options.root, "node_modules", packageName));
    }
    return { to: "nothing", searched: looked, ...(outside === undefined ? {} : { outside }) };
  }
}

/** The entry of a package: `lua` in its package.json, a Lua `main`, or the usual names. */
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
    // Without a readable package.json, only the usual names apply.
  }
  const base = home.slice(home.lastIndexOf("/") + 1);
  return [...named, "init.lua", `${base}.lua`, "src/init.lua", `src/${base}.lua`, "main.lua", "index.lua"]
    .map((name) => join(home, name))
    .find(
      (path) => isWithin(path, home) && files.isFile(path) && isWithin(identityOf(path), identityOf(home)),
    );
}

/** The file names that a `require` name can mean, most common first. */
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
