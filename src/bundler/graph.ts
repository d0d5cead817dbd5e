import { readFileSync } from "node:fs";
import type { Problem } from "../core/errors.ts";
import { type FactCache, factsOf } from "./cache.ts";
import { PARENT, SELF } from "./facts.ts";
import { identityOf, labelOf } from "./files.ts";
import type { GraphModule, ProgramRoots } from "./graph-module.ts";
import { compileProblems, notFound } from "./problems.ts";
import type { Resolution, Resolver } from "./resolve.ts";
import { readSource } from "./source.ts";

export interface Graph {
  /** In the order in which following the requires finds them. */
  readonly modules: GraphModule[];
  readonly problems: Problem[];
}

/** Follows every `require` from the roots on. Collects all problems instead of stopping at the first. */
export function followRequires(roots: ProgramRoots, resolver: Resolver, cache: FactCache): Graph {
  return new Walk(roots, resolver, cache).graph();
}

class Walk {
  readonly #roots: ProgramRoots;
  readonly #resolver: Resolver;
  readonly #cache: FactCache;
  readonly #modules: GraphModule[] = [];
  readonly #unfound: { readonly name: string; readonly problem: Problem }[] = [];
  readonly #byIdentity = new Map<string, GraphModule>();
  readonly #labels = new Set<string>();

  constructor(roots: ProgramRoots, resolver: Resolver, cache: FactCache) {
    this.#roots = roots;
    this.#resolver = resolver;
    this.#cache = cache;
  }

  graph(): Graph {
    const roots = this.#roots;
    for (const { path, searched, name } of roots.prelude) this.#start(path, searched, name, true);
    this.#start(roots.entry.path, roots.entry.searched, undefined, false);
    for (const name of roots.include) {
      const found = this.#resolver.resolve(name, roots.entry.path);
      if (found.to === "file") this.#start(found.path, found.searched, name, false);
      else if (found.to === "nothing") this.#notFound(name, found, undefined, undefined);
    }
    const brought = new Set(this.#modules.flatMap(({ facts }) => facts.provides.map(({ name }) => name)));
    const problems = this.#unfound.filter(({ name }) => !brought.has(name)).map(({ problem }) => problem);
    for (const module of this.#modules) problems.push(...compileProblems(module));
    return { modules: this.#modules, problems };
  }

  #notFound(
    name: string,
    found: Extract<Resolution, { to: "nothing" }>,
    from: GraphModule | undefined,
    fact: GraphModule["facts"]["requires"][number] | undefined,
  ): void {
    const meant = this.#resolver.meant(name, found.searched);
    this.#unfound.push({ name, problem: notFound(name, { ...found, meant }, from, fact, this.#roots) });
  }

  #open(path: string, searched: string, name: string | undefined, library: boolean): GraphModule {
    const identity = identityOf(path);
    const known = this.#byIdentity.get(identity);
    if (known) return known;
    const label = labelOf(path, this.#roots.root, searched, this.#roots.library);
    let file = label;
    for (let n = 2; this.#labels.has(file); n++) file = `${n}:${label}`;
    this.#labels.add(file);
    const { text, hash } = readSource(readFileSync(path));
    const facts = factsOf(text, hash, this.#cache);
    const module: GraphModule = {
      file,
      path,
      name: name ?? dotted(file),
      text,
      hash,
      facts,
      edges: [],
      library,
    };
    this.#byIdentity.set(identity, module);
    this.#modules.push(module);
    return module;
  }

  // An explicit stack: programs may be thousands of modules deep.
  #walk(first: GraphModule): void {
    const stack: { module: GraphModule; next: number }[] = [{ module: first, next: 0 }];
    for (let top = stack[stack.length - 1]; top; top = stack[stack.length - 1]) {
      const { module } = top;
      const fact = module.facts.requires[top.next++];
      if (!fact) {
        stack.pop();
        continue;
      }
      const name = expand(fact.name, module.name);
      if (name === undefined) continue;
      // Lua uses what the module itself has put into `package` before, whatever files exist.
      const brought = module.facts.provides.some((each) => each.name === name && each.order < fact.order);
      const found: Resolution = brought ? { to: "process" } : this.#resolver.resolve(name, module.path);
      if (found.to === "nothing") {
        if (!fact.guarded) this.#notFound(name, found, module, fact);
        module.edges.push({ name, fact, to: undefined });
        continue;
      }
      if (found.to === "process") {
        const assumed = found.assumed === true && !fact.guarded;
        module.edges.push({ name, fact, to: undefined, ...(assumed ? { assumed } : {}) });
        continue;
      }
      const count = this.#modules.length;
      const target = this.#open(
        found.path,
        found.searched,
        isRelative(name) ? undefined : name,
        module.library,
      );
      module.edges.push({ name, fact, to: target.file });
      if (this.#modules.length > count) stack.push({ module: target, next: 0 });
    }
  }

  #start(path: string, searched: string, name: string | undefined, library: boolean): void {
    const count = this.#modules.length;
    const module = this.#open(path, searched, name, library);
    if (this.#modules.length > count) this.#walk(module);
  }
}

/** `a/b/init.lua` → `a.b`. */
export function dotted(file: string): string {
  return file
    .replace(/\.lua$/, "")
    .replace(/\/init$/, "")
    .replace(/\//g, ".");
}

export function isRelative(name: string): boolean {
  return /^\.\.?\//.test(name);
}

/** Replaces the placeholders in a computed name by the module's own name. */
function expand(name: string | undefined, self: string): string | undefined {
  if (name === undefined || !name.includes("\0")) return name;
  return name.replaceAll(PARENT, self.replace(/[^.]+$/, "")).replaceAll(SELF, self);
}
