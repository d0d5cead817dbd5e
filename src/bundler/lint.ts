import { join } from "node:path";
import type { Problem } from "../core/errors.ts";
import { AOS_GLOBALS, type ImageModules, isPlainAosModule } from "./aos-modules.ts";
import type { GlobalFact } from "./facts.ts";
import type { Files } from "./files.ts";
import { labelOf } from "./files.ts";
import type { Graph } from "./graph.ts";
import type { GraphModule } from "./graph-module.ts";
import { replacedHandlers, reservedHandlers, sharedActions } from "./handler-clashes.ts";
import { lackedBy } from "./luerl-problems.ts";
import { lineOf, placeOf } from "./problems.ts";
import { reservedGlobals } from "./reserved-globals.ts";
import type { Findings } from "./silence.ts";
import type { KeptState } from "./types.ts";

interface LintInput {
  readonly graph: Graph;
  /** Files that are run, in order. */
  readonly order: readonly string[];
  readonly files: Files;
  /** The program's image. */
  readonly image: Pick<ImageModules, "name" | "luerl">;
  /** Whether the bundle has none of the program's comments. */
  readonly minify: boolean;
  /** The program's own folder: files in it that are not required are unused. */
  readonly owned?: string;
  readonly root: string;
  readonly state: readonly string[];
  /** The only globals that a hand-over carries; undefined if it carries all globals that messages changed. */
  readonly carried?: readonly string[];
  readonly constants: readonly string[];
  /** Actions that the prelude handles unless the program does. */
  readonly shared: readonly string[];
}

/** Finds code that loads but behaves unexpectedly. `applySilence` filters the result. */
export function lint(input: LintInput): Findings {
  const modules = new Map(input.graph.modules.map((module) => [module.file, module]));
  const own = input.graph.modules.filter((module) => !module.library);
  const lacking = lacked(own, input);
  return {
    errors: [
      ...cycles(input, modules),
      ...reservedGlobals(own, input.graph),
      ...own.flatMap((module) => reservedHandlers(module, input.shared)),
      ...lacking.flatMap(({ errors }) => errors),
    ],
    warnings: [
      ...lacking.flatMap(({ warnings }) => warnings),
      ...own.flatMap((module) => globals(module, input)),
      ...own.flatMap(dynamic),
      ...own.flatMap(shadows),
      ...assumed(input),
      ...own.flatMap((module) => sharedActions(module, input.shared)),
      ...own.flatMap(replacedHandlers),
      ...swallowing(input, modules),
      ...unused(input, modules),
    ],
  };
}

/** What the program's own modules use that the Lua of its device lacks. */
function lacked(own: readonly GraphModule[], { image: { luerl }, minify }: LintInput): Findings[] {
  if (!luerl) return [];
  const assigned = new Set(own.flatMap(({ facts }) => facts.globals.map(({ name }) => name)));
  // What the program requires of the library itself knows the device.
  return own
    .filter(({ name }) => !name.startsWith("fleet."))
    .map((module) => lackedBy(module, { ...luerl, minify, assigned }));
}

/** The state that the program's own modules keep between messages. */
export function keptStateOf(graph: Graph): KeptState {
  // The fleet's library transfers its own state itself.
  const own = graph.modules.filter(({ library, name }) => !library && !name.startsWith("fleet."));
  const names = own.flatMap(({ facts }) =>
    facts.globals.filter(({ name, data }) => data && !AOS_GLOBALS.has(name)).map(({ name }) => name),
  );
  return {
    globals: [...new Set(names)].sort(),
    locals: own.flatMap((module) =>
      module.facts.locals.map((fact) => ({ name: fact.name, at: placeOf(module, fact) })),
    ),
  };
}

/**
 * Globals that a hand-over does not carry, if the declaration lists those that it does; else globals that are missing in the
 * program's own list. Without either list nothing is lost: the library carries every global that a message changed.
 */
function globals(module: GraphModule, { state, carried }: LintInput): Problem[] {
  const foreign = module.facts.globals.filter(({ name }) => !AOS_GLOBALS.has(name));
  if (carried !== undefined)
    // Functions are code: every load defines them.
    return undeclared(
      module,
      foreign.filter(({ name, data }) => data && !carried.includes(name)),
      {
        what: `${module.file} assigns globals that a hand-over to a new process does not carry.`,
        expected: "globals that the declaration's `state` carries, or locals",
        remedy:
          "List those that messages change in `state: { globals: [...] }`. Make the others `local`, or silence the warning with the reason: every load sets them again.",
      },
    );
  if (state.length === 0) return [];
  return undeclared(
    module,
    foreign.filter(({ name }) => !state.includes(name)),
    {
      what: `${module.file} assigns globals that are not in its \`bundle.state\` list.`,
      expected: "locals, or names listed in `bundle: { state: [...] }`",
      remedy: "Add `local` before the first assignment, or add the name to the list.",
    },
  );
}

function undeclared(
  module: GraphModule,
  found: readonly GlobalFact[],
  words: Pick<Problem, "what" | "expected" | "remedy">,
): Problem[] {
  const [first] = found;
  if (!first) return [];
  return [
    {
      code: "LUA_GLOBAL_UNDECLARED",
      ...words,
      got: found.map(({ name, count }) => (count > 1 ? `${name} (${count} times)` : name)).join(", "),
      at: placeOf(module, first),
    },
  ];
}

function dynamic(module: GraphModule): Problem[] {
  return module.facts.requires
    .filter(({ name }) => name === undefined)
    .map((fact) => ({
      code: "LUA_REQUIRE_DYNAMIC",
      what: `${module.file} requires a module by a computed name.`,
      got: lineOf(module, fact),
      expected: "a literal name",
      remedy:
        "List the modules that it can require in `include`; the bundle does not contain them otherwise.",
      at: placeOf(module, fact),
    }));
}

function shadows(module: GraphModule): Problem[] {
  return module.edges
    .filter(({ name, to }) => to !== undefined && isPlainAosModule(name))
    .map(({ name, to, fact }) => ({
      code: "LUA_SHADOWS_AOS",
      what: `${module.file} requires ${JSON.stringify(name)} and gets the project's ${to}, not aos' own module.`,
      remedy: `Rename the file, or add ${JSON.stringify(name)} to \`externals\` to get aos' own.`,
      at: placeOf(module, fact),
    }));
}

/** Modules that are assumed to be in an unknown image; only the load shows whether they are. */
function assumed({ graph, image }: LintInput): Problem[] {
  const seen = new Set<string>();
  return graph.modules.flatMap((module) =>
    module.edges
      .filter((edge) => edge.assumed === true && !seen.has(edge.name) && seen.add(edge.name))
      .map(({ name, fact }) => ({
        code: "LUA_MODULE_ASSUMED",
        what: `${module.file} requires ${JSON.stringify(name)}, which is not a file; it is assumed to be a module of the image.`,
        got: `the image ${image.name}, whose modules are unknown`,
        expected:
          "a module of the image: the load fails at this line if the image has no module of that name",
        remedy: `Add ${JSON.stringify(name)} to \`externals\` if the image has it, or create the file.`,
        at: placeOf(module, fact),
      })),
  );
}

/** Cycles of requires that certainly run while their module loads. */
function cycles({ graph }: LintInput, modules: ReadonlyMap<string, GraphModule>): Problem[] {
  const state = new Map<string, "open" | "done">();
  const problems: Problem[] = [];
  for (const root of graph.modules) {
    if (state.has(root.file)) continue;
    const path: { module: GraphModule; next: number }[] = [{ module: root, next: 0 }];
    state.set(root.file, "open");
    for (let top = path[path.length - 1]; top; top = path[path.length - 1]) {
      const edge = top.module.edges[top.next++];
      if (!edge) {
        state.set(top.module.file, "done");
        path.pop();
        continue;
      }
      const target = edge.to === undefined ? undefined : modules.get(edge.to);
      const { lazy, guarded, conditional } = edge.fact;
      if (!target || lazy || guarded || conditional) continue;
      const known = state.get(target.file);
      if (known === undefined) {
        state.set(target.file, "open");
        path.push({ module: target, next: 0 });
      } else if (known === "open") {
        const loop = path
          .slice(path.findIndex(({ module }) => module === target))
          .map(({ module }) => module);
        if (loop.some(({ facts }) => facts.publishesItself)) continue;
        problems.push({
          code: "LUA_REQUIRE_CYCLE",
          what: "Modules require each other while they load.",
          got: [...loop, target].map(({ file }) => file).join(" → "),
          expected: "at least one of these requires inside a function, where it runs later",
          remedy: "Move one `require` into the function that uses it.",
          at: placeOf(top.module, edge.fact),
        });
      }
    }
  }
  return problems;
}

/** Handlers that match every message and are registered before others, in the order in which the modules load. */
function swallowing({ order }: LintInput, modules: ReadonlyMap<string, GraphModule>): Problem[] {
  const seen = new Set<string>();
  const calls: { module: GraphModule; index: number }[] = [];
  type Step = { order: number; load?: string; index?: number };
  const stepsOf = (module: GraphModule): Step[] =>
    [
      ...module.edges.flatMap(({ to, fact }) => (to === undefined ? [] : [{ order: fact.order, load: to }])),
      ...module.facts.handlers.map(({ order }, index) => ({ order, index })),
    ].sort((a, b) => a.order - b.order);
  for (const file of order) {
    const stack: { module: GraphModule; steps: Step[]; next: number }[] = [];
    const enter = (file: string): void => {
      const module = modules.get(file);
      if (!module || seen.has(file)) return;
      seen.add(file);
      stack.push({ module, steps: stepsOf(module), next: 0 });
    };
    enter(file);
    for (let top = stack[stack.length - 1]; top; top = stack[stack.length - 1]) {
      const step = top.steps[top.next++];
      if (!step) stack.pop();
      else if (step.load !== undefined) enter(step.load);
      else if (step.index !== undefined) calls.push({ module: top.module, index: step.index });
    }
  }
  const problems: Problem[] = [];
  calls.forEach(({ module, index }, i) => {
    const handler = module.facts.handlers[index];
    if (!handler?.swallows || module.library) return;
    const later = calls.length - 1 - i;
    const before = handler.method === "prepend" ? calls.length - 1 : later;
    if (before === 0) return;
    problems.push({
      code: "LUA_HANDLER_SWALLOWS",
      what: `The handler ${JSON.stringify(handler.name ?? "?")} matches every message, so ${before} other${before === 1 ? " handler is" : " handlers are"} never reached.`,
      expected: "a pattern that matches its own messages, or the last place",
      remedy: 'Register it last, narrow its pattern, or let its pattern return "continue".',
      at: placeOf(module, handler),
    });
  });
  return problems;
}

const NO_SOURCE = /^(node_modules|test|tests|spec|specs|build|dist|\..*)$/;

function unused({ owned, files, root }: LintInput, modules: ReadonlyMap<string, GraphModule>): Problem[] {
  if (owned === undefined) return [];
  const loose: string[] = [];
  const look = (folder: string): void => {
    for (const [name, kind] of files.list(folder)) {
      const path = join(folder, name);
      if (kind === "folder") {
        if (!NO_SOURCE.test(name)) look(path);
      } else if (name.endsWith(".lua") && !/[._-](test|spec)\.lua$/.test(name)) {
        const file = labelOf(path, root, owned);
        if (!modules.has(file)) loose.push(file);
      }
    }
  };
  look(owned);
  return loose.map((file) => ({
    code: "LUA_MODULE_UNUSED",
    what: `${file} is in the program's folder, but no module requires it.`,
    remedy: "Remove it, require it, or list it in `include` if its name is computed.",
    at: file,
  }));
}
