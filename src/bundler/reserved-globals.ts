import type { Problem } from "../core/errors.ts";
import { offsetIn } from "./cache.ts";
import type { GlobalFact } from "./facts.ts";
import type { Graph } from "./graph.ts";
import type { GraphModule } from "./graph-module.ts";
import { lineOf, placeOf } from "./problems.ts";

/**
 * Globals of the prelude that the program assigns: it would replace the library that loads it. `Fleet = require("fleet")` assigns the
 * library itself.
 */
export function reservedGlobals(own: readonly GraphModule[], graph: Graph): Problem[] {
  const taken = new Set(
    graph.modules.flatMap(({ library, facts }) => (library ? facts.globals.map(({ name }) => name) : [])),
  );
  const isLibraryItself = (module: GraphModule, fact: GlobalFact) => {
    const required = /^\w+\s*=\s*require\s*\(?\s*["']([^"']+)["']/.exec(
      module.text.slice(offsetIn(module.text, module.hash, fact.order)),
    )?.[1];
    const target = module.edges.find(({ name }) => name === required)?.to;
    return fact.count === 1 && graph.modules.some(({ file, library }) => library && file === target);
  };
  return own
    .filter(({ name }) => !name.startsWith("fleet."))
    .flatMap((module) =>
      module.facts.globals
        .filter((fact) => taken.has(fact.name) && !isLibraryItself(module, fact))
        .map((fact) => ({
          code: "LUA_GLOBAL_RESERVED",
          what: `${module.file} assigns the global ${fact.name}, which belongs to the fleet's library.`,
          got: lineOf(module, fact),
          expected: `a program that does not assign ${fact.name}: the library could not load it, and its data would be lost with the next release`,
          remedy: "Rename the global, or declare lib: false for this member.",
          at: placeOf(module, fact),
        })),
    );
}
