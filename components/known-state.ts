/** What a plan knows of a member's state: its policy, its globals, and what could get lost without a word. Pure. */

import type { Keeps } from "../src/bundler/index.ts";
import type { Problem } from "../src/core/errors.ts";
import type { StatePolicy } from "../src/delivery/strategy.ts";
import { nearest } from "../src/fleet/nearest.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import type { ProcessDeclaration } from "./declaration.ts";

type State = ProcessDeclaration["state"];

/** Names of globals imply that the member owns its state. */
export const policyOf = (state: State | undefined): StatePolicy =>
  typeof state === "object" ? "owned" : (state ?? "owned");

/** The globals that the declaration names; undefined where they are to be found. */
export const globalsOf = (state: State | undefined): readonly string[] | undefined =>
  typeof state === "object" ? state.globals : undefined;

/**
 * The globals that are to be warned of when they are not among them; undefined where there is nothing to warn of. A hand-over carries
 * whatever messages changed, unless the declaration names globals; `state: "none"` says that nothing is to be carried. Without the
 * library nothing is ever handed over: the code is loaded in place, and its globals stay.
 */
export const carriedOf = ({
  lib,
  state,
}: Pick<ProcessDeclaration, "lib" | "state">): readonly string[] | undefined =>
  lib ? globalsOf(state) : undefined;

/** Global with which a bundle tells the library which globals are declared. */
export const DECLARED = "FLEET_STATE_GLOBALS";

/** Module of the library that sees globals. A release without it has an earlier library, or none. */
const SEES_GLOBALS = "fleet.globals";

/** Codes of these findings that `silence` accepts. */
const SILENCEABLE: readonly string[] = ["STATE_GLOBAL_UNKNOWN", "STATE_IN_LOCALS"];

/** What of `silence` is about code and not about state. */
export const silenceOfCode = (silence: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(silence).filter(([code]) => !SILENCEABLE.includes(code)));

interface StateInPlan {
  readonly name: string;
  readonly process: ProcessDeclaration;
  /** Whether its new code gets a process of its own, so that its state has to be handed over. */
  readonly isBeside: boolean;
  /** What its program keeps, as far as its text shows. */
  readonly keeps: Keeps;
  /** Hash of its code. */
  readonly sourceHash: string;
  /** How it is declared by the release that runs. */
  readonly running: DeclaredProcess | undefined;
}

/** What would be lost by a hand-over, and what might be. */
export function stateFindings(member: StateInPlan): { problems: Problem[]; warnings: Problem[] } {
  const { name, process, isBeside, keeps } = member;
  const accepted = ({ code }: Problem) => !SILENCEABLE.includes(code) || !process.silence[code];
  const declared = globalsOf(process.state);
  const problems = (declared ?? [])
    // The name of the process is aos' own, and programs give themselves one.
    .filter((one) => one !== "Name" && !keeps.globals.includes(one))
    .map((one) => unknownGlobal(name, one, keeps.globals));
  const isStateless = policyOf(process.state) === "none";
  const warnings = keeps.locals.length > 0 && !isStateless ? [inLocals(member)] : [];
  if (isBeside && !isStateless) problems.push(...notSeen(member));
  return { problems: problems.filter(accepted), warnings: warnings.filter(accepted) };
}

/** Nobody could export its state: the code that runs, or the new code, has no part that sees it. */
function notSeen({ name, process, keeps, sourceHash, running }: StateInPlan): Problem[] {
  const found = [...keeps.globals, ...keeps.locals.map((local) => `local ${local.name}`)];
  const got = found.length === 0 ? "no globals in its source" : `${found.join(", ")} (in its source)`;
  const at = `processes.${name}.state`;
  const inPlace = `Declare strategy: { kind: "sequential" } for ${name}, which loads its code in place, where globals stay that the code does not assign`;
  if (!process.lib)
    return [
      {
        code: "STATE_NOT_KNOWN",
        what: `${name} is to get a new process, but without the fleet's library (lib: false) nothing in it can hand its state over.`,
        at,
        got,
        expected: "a program that can be asked for its state, or one without any",
        remedy: `${inPlace}; or leave lib: false out.`,
      },
    ];
  const isOld = running !== undefined && running.modules[SEES_GLOBALS] === undefined;
  if (!isOld || running.sourceHash === sourceHash || keeps.globals.length === 0) return [];
  return [
    {
      code: "STATE_NOT_KNOWN",
      what: `${name} is to get a new process, but what runs has no part that sees its globals: they would be left behind.`,
      at,
      got,
      expected: "a running process with this version of the fleet's library",
      remedy: `${inPlace}: from then on it can be handed over. Or state: "none", if it keeps nothing between messages.`,
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
    expected: `${near === undefined ? "" : `perhaps "${near}"; `}${known.length > 0 ? `some of ${known.join(", ")}` : "a global of its source"}`,
    remedy: `Fix the name. A global that is made by a computed name is accepted with silence: { STATE_GLOBAL_UNKNOWN: "<reason>" }.`,
  };
}

function inLocals({ name, process, keeps: { locals } }: StateInPlan): Problem {
  const { lib } = process;
  const places = locals.map((local) => `${local.name} (${local.at})`);
  return {
    code: "STATE_IN_LOCALS",
    what: `${name} changes local variables of its modules: every load makes them anew, ${lib ? "in place and in a new process, " : ""}and what was in them is lost.`,
    at: `processes.${name}.state`,
    got: places.slice(0, 8).join(", ") + (places.length > 8 ? `, … ${places.length - 8} more` : ""),
    expected: `state in globals (\`Name = Name or {}\`)${lib ? ", or in tables of fleet.state" : ""}`,
    remedy: `Make globals of them if they are state. Caches are accepted with silence: { STATE_IN_LOCALS: "<reason>" }.`,
  };
}
