import { LUA_DEVICE } from "../core/devices.ts";
import type { Problem } from "../core/errors.ts";
import type { LackFact } from "./facts.ts";
import type { GraphModule } from "./graph-module.ts";
import {
  ENVIRONMENT,
  GOTO,
  isOfLibraries,
  LOAD_INTO,
  LONG_COMMENT,
  LONG_STRING,
  WAIT_FOR_REPLY,
} from "./luerl.ts";
import { lineOf, placeOf } from "./problems.ts";
import type { Findings } from "./silence.ts";

const ON_AOS = `or remove \`device\` from the member, so that it runs on aos`;

const LANGUAGE: Readonly<Record<string, Pick<Problem, "what" | "expected" | "remedy">>> = {
  [GOTO]: {
    what: "has a goto statement",
    expected: "no goto: the node's Lua cannot compile it, so the process refuses the load",
    remedy: `Use a loop with \`break\`, or a function with \`return\`; ${ON_AOS}.`,
  },
  [LONG_COMMENT]: {
    what: "has a long comment other than --[[ ]], of which only the first line is a comment",
    expected: "--[[ ]], or -- on each line",
    remedy: `Rewrite the comment, or remove comments by \`bundle: { minify: true }\`; ${ON_AOS}.`,
  },
  [LONG_STRING]: {
    what: "has a long string of four levels or more",
    expected: "at most [===[ ]===]: the node's Lua cannot compile it, so the process refuses the load",
    remedy: `Use fewer levels, or join several strings; ${ON_AOS}.`,
  },
};

const INSTEAD: Readonly<Record<string, string>> = {
  [ENVIRONMENT]: "Use the globals by their names, or `_G`",
  [LOAD_INTO]: "Load the code without an environment: it runs with the globals of the process",
  [WAIT_FOR_REPLY]: "Handle the reply by `.onReply(function(msg) … end)`, or send by `fleet.call`",
  Receive: "Handle the message by `Handlers.once`, or send by `fleet.call`",
  "Handlers.receive": "Handle the message by `Handlers.once`, or send by `fleet.call`",
  "coroutine.yield": "Return, and continue in the handler of the message that is awaited",
  Assign: "Let the process that has the message send it to this one",
  "ao.assign": "Let the process that has the message send it to this one",
};

/**
 * What a module uses that Luerl does not have.
 *
 * @param around whether programs have what the fleet's module adds (another module may add more), whether comments stay in the bundle, and the
 * globals that the program assigns itself
 */
export function lackedBy(
  module: GraphModule,
  around: { readonly isFleets: boolean; readonly minify: boolean; readonly assigned: ReadonlySet<string> },
): Findings {
  const lacks = module.facts.lacks.filter(({ name }) => {
    if (LANGUAGE[name] !== undefined) return name !== LONG_COMMENT || !around.minify;
    return name === ENVIRONMENT || (around.isFleets && !around.assigned.has(rootOf(name)));
  });
  const errors = lacks.filter(({ name }) => !isOfLibraries(name));
  return {
    errors: errors.map((fact) => {
      const words = LANGUAGE[fact.name];
      return words === undefined ? featureMissing(module, fact) : syntaxMissing(module, fact, words);
    }),
    warnings: lacks.filter(({ name }) => isOfLibraries(name)).map((fact) => functionMissing(module, fact)),
  };
}

/** The variable that the name of a fact starts with. */
const rootOf = (name: string): string => name.split(/[.(]/, 1)[0] ?? name;

const at = (module: GraphModule, fact: LackFact) => ({
  got: `${lineOf(module, fact)}${fact.count > 1 ? ` (${fact.count} times in this file)` : ""}`,
  at: placeOf(module, fact),
});

const syntaxMissing = (
  module: GraphModule,
  fact: LackFact,
  { what, expected, remedy }: Pick<Problem, "what" | "expected" | "remedy">,
): Problem => ({
  code: "LUA_SYNTAX_MISSING",
  what: `${module.file} ${what} on ${LUA_DEVICE}.`,
  ...(expected === undefined ? {} : { expected }),
  remedy,
  ...at(module, fact),
});

const featureMissing = (module: GraphModule, fact: LackFact): Problem => ({
  code: "LUA_FEATURE_MISSING",
  what: `${module.file} uses ${fact.name}, which ${LUA_DEVICE} does not have.`,
  expected: "only what the device has: the rest fails there when it runs, and what ran before it stays",
  remedy: `${INSTEAD[fact.name] ?? "Remove it"}, ${ON_AOS}. If it never runs there, silence LUA_FEATURE_MISSING with the reason.`,
  ...at(module, fact),
});

const functionMissing = (module: GraphModule, fact: LackFact): Problem => ({
  code: "LUA_FUNCTION_MISSING",
  what: `${module.file} calls ${fact.name}, which ${LUA_DEVICE} does not have.`,
  expected: "no call of it there: it fails when it runs, and what ran before it stays",
  remedy: `${INSTEAD[fact.name] ?? "Remove the call"}, or silence LUA_FUNCTION_MISSING with the reason: it never runs there.`,
  ...at(module, fact),
});
