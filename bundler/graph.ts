import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { FleetError, type Problem } from "../core/errors.ts";
import { type FactCache, factsOf, offsetIn } from "./cache.ts";
import type { Facts, Found, RequireFact } from "./facts.ts";
import { PARENT, SELF } from "./facts.ts";
import { identityOf, type Library, labelOf } from "./files.ts";
import type { Resolver } from "./resolve.ts";
import { positionAt, readSource } from "./source.ts";

/** A `require` with what it leads to: a module's file, or undefined for the process' own `require`. */
export interface Edge {
  readonly name: string;
  readonly fact: RequireFact;
  readonly to: string | undefined;
}

/** One Lua file of the program. `file` is its identity: one file, one module, however it is named. */
export interface GraphModule {
  readonly file: string;
  readonly path: string;
  /** The name it is first required by, else its path with dots. */
  name: string;
  readonly text: string;
  readonly hash: string;
  readonly facts: Facts;
  readonly edges: Edge[];
  /** Part of the prelude, or reached from it alone: not the author's own code. */
  readonly library: boolean;
}

export interface Graph {
  /** In the order in which the modules are met when requires are followed. */
  readonly modules: GraphModule[];
  readonly problems: Problem[];
}

/** What may start a program: the files to run in order, and names that are only computed. */
export interface Starts {
  readonly root: string;
  readonly prelude: readonly { readonly path: string; readonly searched: string; readonly name: string }[];
  readonly entry: { readonly path: string; readonly searched: string };
  readonly include: readonly string[];
  readonly library: Library | undefined;
}

/** Follows every `require` from the starts on. Collects all problems instead of stopping at the first. */
export function follow(starts: Starts, resolver: Resolver, cache: FactCache): Graph {
  const modules: GraphModule[] = [];
  const problems: Problem[] = [];
  const byIdentity = new Map<string, GraphModule>();
  const labels = new Set<string>();

  const open = (path: string, searched: string, name: string | undefined, library: boolean): GraphModule => {
    const identity = identityOf(path);
    const known = byIdentity.get(identity);
    if (known) return known;
    const label = labelOf(path, starts.root, searched, starts.library);
    let file = label;
    for (let n = 2; labels.has(file); n++) file = `${n}:${label}`;
    labels.add(file);
    const { text, hash } = readSource(readFileSync(path));
    const facts = factsOf(text, hash, cache);
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
    byIdentity.set(identity, module);
    modules.push(module);
    return module;
  };

  // An explicit stack: programs may be thousands of modules deep.
  const walk = (first: GraphModule): void => {
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
      const found = resolver.resolve(name, module.path);
      if (found.to === "nothing") {
        if (!fact.guarded) problems.push(missing(name, found.searched, module, fact, starts.root));
        module.edges.push({ name, fact, to: undefined });
        continue;
      }
      if (found.to === "process") {
        module.edges.push({ name, fact, to: undefined });
        continue;
      }
      const count = modules.length;
      const target = open(found.path, found.searched, isRelative(name) ? undefined : name, module.library);
      module.edges.push({ name, fact, to: target.file });
      if (modules.length > count) stack.push({ module: target, next: 0 });
    }
  };

  const start = (path: string, searched: string, name: string | undefined, library: boolean): void => {
    const count = modules.length;
    const module = open(path, searched, name, library);
    if (modules.length > count) walk(module);
  };

  for (const { path, searched, name } of starts.prelude) start(path, searched, name, true);
  start(starts.entry.path, starts.entry.searched, undefined, false);
  for (const name of starts.include) {
    const found = resolver.resolve(name, starts.entry.path);
    if (found.to === "file") start(found.path, found.searched, name, false);
    else if (found.to === "nothing")
      problems.push(missing(name, found.searched, undefined, undefined, starts.root));
  }
  for (const module of modules) problems.push(...faults(module));
  return { modules, problems };
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

/** Puts a module's own name into a name that was computed from it. */
function expand(name: string | undefined, self: string): string | undefined {
  if (name === undefined || !name.includes("\0")) return name;
  return name.replaceAll(PARENT, self.replace(/[^.]+$/, "")).replaceAll(SELF, self);
}

/** `file:line:column` of something found in a module. */
export function placeOf(module: GraphModule, found: Found): string {
  return placeAt(module, offsetIn(module.text, module.hash, found.order));
}

function placeAt({ text, file }: GraphModule, offset: number): string {
  const { line, column } = positionAt(text, offset);
  return `${file}:${line}:${column}`;
}

function faults(module: GraphModule): Problem[] {
  const { facts, text, file } = module;
  const problems: Problem[] = facts.limits.map((limit) => ({
    code: "LUA_LIMIT",
    what: `Lua cannot compile ${file}: it has ${limit.what}.`,
    expected: "no more than Lua 5.3 allows",
    remedy: "Move part of the function into another one, or keep the values in a table.",
    at: placeOf(module, limit),
  }));
  if (facts.fault) {
    problems.push({
      code: "LUA_SYNTAX",
      what: `${file} is not valid Lua 5.3: ${facts.fault.message}.`,
      got: lineAt(text, facts.fault.offset),
      remedy: "Correct the line, or the one before it where a bracket or an `end` is missing.",
      at: placeAt(module, facts.fault.offset),
    });
  }
  return problems;
}

/** The line on which something found stands, without white space around it. */
export function lineOf(module: GraphModule, found: Found): string {
  return lineAt(module.text, offsetIn(module.text, module.hash, found.order));
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  return text.slice(start, end === -1 ? undefined : end).trim();
}

function missing(
  name: string,
  searched: readonly string[],
  from: GraphModule | undefined,
  fact: Found | undefined,
  root: string,
): Problem {
  const looked = searched.map((path) => labelOf(path, root, dirname(resolve(path))));
  return {
    code: "LUA_MODULE_MISSING",
    what: from
      ? `${from.file} requires ${JSON.stringify(name)}, which is not there.`
      : `The included module ${JSON.stringify(name)} is not there.`,
    expected: `one of: ${[...new Set(looked)].join(", ")}`,
    remedy:
      "Create the file, correct the name, add its folder to `search`, or name it in `externals` when the process has it.",
    at: from && fact ? placeOf(from, fact) : "include",
  };
}

/** The entry of a program cannot be found. */
export function entryMissing(entry: string, looked: readonly string[]): FleetError {
  return new FleetError({
    code: "LUA_ENTRY_MISSING",
    what: `The Lua program ${JSON.stringify(entry)} is not there.`,
    expected: `one of: ${looked.join(", ")}`,
    remedy: "Correct the path; it is taken relative to the project's folder.",
    at: "entry",
  });
}
