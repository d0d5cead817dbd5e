/** What a plan knows about a member's state: its policy, its globals, and what could be lost silently. Pure. */

import type { KeptState } from "../src/bundler/index.ts";
import type { Problem } from "../src/core/errors.ts";
import type { StatePolicy } from "../src/delivery/strategy.ts";
import { nearest, withSuggestion } from "../src/fleet/nearest.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import type { ProcessDeclaration } from "./declaration.ts";

type State = ProcessDeclaration["state"];

/** The state policy. A list of globals implies `owned`. */
export const policyOf = (state: State | undefined): StatePolicy =>
  typeof state === "object" ? "owned" : (state ?? "owned");

/** The globals that the declaration lists; undefined if they are detected at run time. */
export const globalsOf = (state: State | undefined): readonly string[] | undefined =>
  typeof state === "object" ? state.globals : undefined;

/**
 * The globals that a hand-over carries, so that the bundler can warn about others; undefined if no warning applies. A hand-over carries
 * whatever messages changed, unless the declaration lists globals; `state: "none"` carries nothing. Without the library nothing is handed
 * over: the code is loaded in place, and its globals stay.
 */
export const carriedGlobals = ({
  lib,
  state,
}: Pick<ProcessDeclaration, "lib" | "state">): readonly string[] | undefined =>
  lib ? globalsOf(state) : undefined;

/** Global through which a bundle passes the declared globals to the library. */
export const DECLARED_GLOBALS = "FLEET_STATE_GLOBALS";

/** Module of the library that detects globals. A release without it has an earlier library, or none. */
const GLOBALS_MODULE = "fleet.globals";

/** Codes of findings about state that `silence` accepts. */
const SILENCEABLE: readonly string[] = ["STATE_GLOBAL_UNKNOWN", "STATE_IN_LOCALS"];

/** The entries of `silence` that are about code and not about state. */
export const silenceOfCode = (silence: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(silence).filter(([code]) => !SILENCEABLE.includes(code)));

interface StateInPlan {
  readonly name: string;
  readonly process: ProcessDeclaration;
  /** Whether its new code gets its own process, so that its state has to be handed over. */
  readonly getsNewProcess: boolean;
  /** The state that its program keeps, as far as the source shows. */
  readonly keeps: KeptState;
  /** Hash of its code. */
  readonly sourceHash: string;
  /** Its declaration in the running release. */
  readonly running: DeclaredProcess | undefined;
}

/** State that a hand-over would lose (problems), and state that it might lose (warnings). */
export function stateFindings(member: StateInPlan): { problems: Problem[]; warnings: Problem[] } {
  const { name, process, getsNewProcess, keeps } = member;
  const accepted = ({ code }: Problem) => !SILENCEABLE.includes(code) || !process.silence[code];
  const declared = globalsOf(process.state);
  const problems = (declared ?? [])
    // aos sets the global Name, and programs may assign it.
    .filter((one) => one !== "Name" && !keeps.globals.includes(one))
    .map((one) => unknownGlobal(name, one, keeps.globals));
  const isStateless = policyOf(process.state) === "none";
  const warnings = keeps.locals.length > 0 && !isStateless ? [inLocals(member)] : [];
  if (getsNewProcess && !isStateless) problems.push(...notExportable(member));
  return { problems: problems.filter(accepted), warnings: warnings.filter(accepted) };
}

/** A new process for a member whose state nothing could export: the running or the new code lacks the module for it. */
function notExportable({ name, process, keeps, sourceHash, running }: StateInPlan): Problem[] {
  const found = [...keeps.globals, ...keeps.locals.map((local) => `local ${local.name}`)];
  const got = found.length === 0 ? "no globals in its source" : `${found.join(", ")} (in its source)`;
  const at = `processes.${name}.state`;
  const inPlace = `Declare strategy: { kind: "sequential" } for ${name}: its code is then loaded in place, which keeps the globals that the code does not assign`;
  if (!process.lib)
    return [
      {
        code: "STATE_NOT_KNOWN",
        what: `${name} would get a new process, but without the fleet's library (lib: false) it cannot hand over its state.`,
        at,
        got,
        expected: "a program that can export its state, or one without state",
        remedy: `${inPlace}. Or remove lib: false.`,
      },
    ];
  const isOld = running !== undefined && running.modules[GLOBALS_MODULE] === undefined;
  if (!isOld || running.sourceHash === sourceHash || keeps.globals.length === 0) return [];
  return [
    {
      code: "STATE_NOT_KNOWN",
      what: `${name} would get a new process, but the running one cannot export its globals: they would be lost.`,
      at,
      got,
      expected: "a running process with this version of the fleet's library",
      remedy: `${inPlace}. After that, its state can be handed over. Or declare state: "none" if it keeps nothing between messages.`,
    },
  ];
}

function unknownGlobal(name: string, global: string, known: readonly string[]): Problem {
  const near = nearest(global, known);
  return {
    code: "STATE_GLOBAL_UNKNOWN",
    what: `${name} declares the global ${global} as its state, but its program never assigns it.`,
    at: `processes.${name}.state.globals`,
    got: global,
    expected: withSuggestion(
      near,
      known.length > 0 ? `some of ${known.join(", ")}` : "a global of its source",
    ),
    remedy: `Fix the name. If the program creates the global by a computed name, accept it: silence: { STATE_GLOBAL_UNKNOWN: "<reason>" }.`,
  };
}

function inLocals({ name, process, keeps: { locals } }: StateInPlan): Problem {
  const { lib } = process;
  const places = locals.map((local) => `${local.name} (${local.at})`);
  return {
    code: "STATE_IN_LOCALS",
    what: `${name} changes local variables of its modules: every load ${lib ? "(in place and in a new process) " : ""}creates them again, and their values are lost.`,
    at: `processes.${name}.state`,
    got: places.slice(0, 8).join(", ") + (places.length > 8 ? `, … ${places.length - 8} more` : ""),
    expected: `state in globals (\`Name = Name or {}\`)${lib ? ", or in tables of fleet.state" : ""}`,
    remedy: `Turn them into globals if they are state. If they are caches, accept them: silence: { STATE_IN_LOCALS: "<reason>" }.`,
  };
}
