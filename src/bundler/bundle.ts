import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { FleetError, type Problem, throwAll } from "../core/errors.ts";
import { ANY_IMAGE, imageModules } from "./aos-modules.ts";
import { type FactCache, minifiedOf } from "./cache.ts";
import { constantProblems } from "./constants.ts";
import { emit } from "./emit.ts";
import { Files, posix } from "./files.ts";
import { dotted, followRequires, type Graph } from "./graph.ts";
import type { GraphModule } from "./graph-module.ts";
import { keptStateOf, lint } from "./lint.ts";
import { entryMissing } from "./problems.ts";
import { packageEntry, Resolver } from "./resolve.ts";
import { applySilence } from "./silence.ts";
import { budgetProblems } from "./size.ts";
import type { Bundle, BundleOptions } from "./types.ts";

/**
 * Bundles a program and everything that it requires into one Lua chunk. The same sources yield the same bytes on every
 * machine and in every folder.
 *
 * @throws FleetError with all problems at once: `LUA_ENTRY_MISSING`, `LUA_SYNTAX`, `LUA_LIMIT`, `LUA_MODULE_MISSING`,
 * `LUA_MODULE_OUTSIDE`, `LUA_REQUIRE_CYCLE`, `LUA_SYNTAX_MISSING`, `LUA_FEATURE_MISSING`, `BUNDLE_TOO_LARGE`, `CONSTANT_INVALID`,
 * `SILENCE_INVALID`.
 */
export async function bundle(options: BundleOptions): Promise<Bundle> {
  const { name, include = [], library } = options;
  const root = resolve(options.root);
  const files = new Files();
  const search = (options.search ?? []).map((folder) => resolve(root, folder));
  const { entry, prelude } = findStarts(options, root, search, files);
  const image =
    typeof options.image === "string" ? imageModules(options.image) : (options.image ?? ANY_IMAGE);
  const resolver = new Resolver(files, {
    root,
    image,
    entryFolder: dirname(entry.path),
    search,
    externals: options.externals ?? [],
    aliases: options.aliases ?? {},
    library: library?.folder,
  });
  const cache: FactCache = { folder: options.cache };
  const graph = followRequires(
    { root, image: image.name, prelude, entry, include, library },
    resolver,
    cache,
  );
  const order = [...prelude, entry].map(({ path }) => fileOf(graph, path));
  const constants = options.constants ?? {};
  const found = lint({
    graph,
    order,
    files,
    image,
    minify: options.minify === true,
    ...(entry.folder === undefined ? {} : { owned: entry.folder }),
    root,
    state: options.state ?? [],
    ...(options.carried === undefined ? {} : { carried: options.carried }),
    constants: Object.keys(constants),
    shared: options.shared ?? [],
  });
  const silenced = applySilence(
    {
      errors: [...constantProblems(constants), ...graph.problems, ...found.errors],
      warnings: found.warnings,
    },
    options.silence ?? {},
  );
  throwAll(silenced.errors);
  const isLibrary = ({ path }: GraphModule) => library !== undefined && path.startsWith(library.folder + sep);
  const made = emit({
    name,
    modules: graph.modules,
    order,
    constants,
    isLibrary,
    // The library is in each process of a fleet, and its readers have the repository: a third of it is comments and indentation.
    textOf: (module) =>
      options.minify === true || isLibrary(module)
        ? minifiedOf(module.text, module.hash, cache)
        : module.text,
  });
  const size = applySilence(
    { errors: budgetProblems(made, options.budget?.maxBytes), warnings: [] },
    options.silence ?? {},
  );
  throwAll(size.errors);
  return {
    ...made,
    keeps: keptStateOf(graph),
    warnings: [...silenced.warnings, ...size.warnings] satisfies Problem[],
  };
}

/** Finds the entry and the prelude; missing files are reported together with all other problems of the options. */
function findStarts(options: BundleOptions, root: string, search: readonly string[], files: Files) {
  const missing: Problem[] = [];
  const found = <T>(find: () => T): T | undefined => {
    try {
      return find();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      missing.push(...error.problems);
      return undefined;
    }
  };
  const entry = found(() => findEntry(options.entry, root, files));
  const named = options.library === undefined ? search : [options.library.folder, ...search];
  const prelude = (options.prelude ?? []).flatMap(
    (file) => found(() => preludeFile(file, root, named, files)) ?? [],
  );
  if (missing.length > 0 || !entry) {
    const errors = [...constantProblems(options.constants ?? {}), ...missing];
    throwAll(applySilence({ errors, warnings: [] }, options.silence ?? {}).errors);
    throw new Error("an entry that is missing was silenced");
  }
  return { entry, prelude };
}

interface Entry {
  readonly path: string;
  readonly searched: string;
  /** The program's own folder, if it has one. */
  readonly folder: string | undefined;
}

function findEntry(entry: string, root: string, files: Files): Entry {
  if (entry.startsWith("npm:")) return findPackage(entry.slice("npm:".length), entry, root, files);
  const path = resolve(root, entry);
  if (files.isFile(path)) {
    const folder = dirname(path);
    const own =
      /^(main|init|index|process)\.lua$/.test(basename(path)) || basename(path) === `${basename(folder)}.lua`;
    return { path, searched: folder, folder: own && folder !== root ? folder : undefined };
  }
  const names = ["init.lua", "main.lua", `${basename(path)}.lua`, "process.lua", "index.lua"];
  const inside = files.isFolder(path) ? names.map((name) => join(path, name)) : [`${path}.lua`];
  const found = inside.find((candidate) => files.isFile(candidate));
  if (found !== undefined) {
    return { path: found, searched: dirname(found), folder: files.isFolder(path) ? path : undefined };
  }
  throw entryMissing(
    entry,
    [path, ...inside].map((looked) => posix(relative(root, looked)) || "."),
  );
}

function findPackage(name: string, entry: string, root: string, files: Files): Entry {
  const looked: string[] = [];
  for (let folder = root; ; folder = dirname(folder)) {
    const home = join(folder, "node_modules", name);
    looked.push(posix(relative(root, home)));
    const path = files.isFolder(home) ? packageEntry(files, home) : undefined;
    if (path !== undefined) return { path, searched: home, folder: undefined };
    if (dirname(folder) === folder) throw entryMissing(entry, looked);
  }
}

function preludeFile(file: string, root: string, search: readonly string[], files: Files) {
  const path = resolve(root, file);
  if (!files.isFile(path)) throw entryMissing(file, [posix(relative(root, path))]);
  const searched = search.find((folder) => !relative(folder, path).startsWith("..")) ?? dirname(path);
  return { path, searched, name: dotted(posix(relative(searched, path))) };
}

function fileOf(graph: Graph, path: string): string {
  const module = graph.modules.find((candidate) => candidate.path === path);
  if (!module) throw new FleetError(notDistinct(path));
  return module.file;
}

function notDistinct(path: string): Problem {
  return {
    code: "LUA_ENTRY_TWICE",
    what: `${basename(path)} is listed twice: as the program or prelude, and under another name for the same file.`,
    expected: "a different file for each",
    remedy: "Remove one of the two, or the symbolic link between them.",
    at: "entry",
  };
}
