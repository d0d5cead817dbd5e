import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { capacityOf } from "../src/ao/network.ts";
import {
  type Bundle,
  bundle,
  checkImage,
  checkSize,
  type ImageModules,
  imageModules,
  type Library,
  removeOldFacts,
  wasmModules,
} from "../src/bundler/index.ts";
import { LUA_DEVICE } from "../src/core/devices.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { FLEET_ACTIONS } from "../src/core/fleet-actions.ts";
import { settleAll } from "../src/core/settle-all.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { ANSWERS_UNPROVEN } from "./answer-warnings.ts";
import { SETTING_IDLE } from "./configuration.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { declareLuaModule, luaImage } from "./device.ts";
import { LATENCY_NEEDS_CALLERS } from "./latency-warnings.ts";
import { declareModule } from "./module.ts";
import { carriedGlobals, DECLARED_GLOBALS, globalsOf, silenceOfCode } from "./state-findings.ts";

/** Bytes of a message in addition to the bundle: signature, tags, guard and commit. */
const ENVELOPE = 8_000;
/** Bytes that an image evaluates in addition to the bundle: tags, guard and commit. */
const EVAL_OVERHEAD = 3_000;

/**
 * What a member runs: its bundle, and its AO module as declared.
 *
 * @param running the member as it runs now
 * @throws FleetError with every problem of both
 */
export function programOf(
  name: string,
  process: ProcessDeclaration,
  fleet: Pick<FleetDeclaration, "network" | "module">,
  home: string,
  running?: Pick<DeclaredProcess, "module" | "tags">,
): Promise<{ module: string; made: Bundle }> {
  const at = process.module === undefined ? "module" : `processes.${name}.module`;
  return settleAll({
    module:
      process.device === LUA_DEVICE
        ? declareLuaModule(process.module, `processes.${name}.device`, fleet.network, home, running)
        : declareModule(process.module ?? fleet.module, at, fleet.network, home),
    made: bundleMember(name, process, fleet, home),
  });
}

/** Folder of the modules that a project's programs share. It is searched after the folders of `bundle.search`. */
const SHARED_MODULES = "processes/lib";

/**
 * The Lua library of this package, found from the package and never from the working directory. Its label is fixed, so a bundle has the
 * same text in the repository and in a project that depends on the package.
 */
const LIBRARY: Library = {
  folder: fileURLToPath(new URL("../src/runtime", import.meta.url)),
  label: "ao-fleet",
};

/** The entry file or folder of a member's program, relative to the project. */
export const entryOf = (name: string, { source }: Pick<ProcessDeclaration, "source">): string =>
  source ?? `processes/${name}/process.lua`;

/**
 * Bundles a member as declared. Facts about unchanged files are cached in `.fleet/facts`.
 *
 * @param root the project's folder. @default the working directory
 * @throws FleetError with every problem of the member; problems with options are at their path in the declaration
 */
export async function bundleMember(
  name: string,
  process: ProcessDeclaration,
  fleet: Pick<FleetDeclaration, "network" | "module">,
  home: string,
  root: string = globalThis.process.cwd(),
): Promise<Bundle> {
  const { network } = fleet;
  const image =
    process.device === LUA_DEVICE ? luaImage(process.module) : await imageOf(process.module ?? fleet.module);
  const entry = entryOf(name, process);
  const { search, budget, ...own } = process.bundle;
  const carried = carriedGlobals(process);
  // These silence findings about settings, not about code.
  const {
    [SETTING_IDLE]: _idle,
    [LATENCY_NEEDS_CALLERS]: _latency,
    [ANSWERS_UNPROVEN]: _answers,
    ...silence
  } = silenceOfCode(process.silence);
  try {
    const made = await bundle({
      name,
      entry,
      root,
      search: [...search, SHARED_MODULES, LIBRARY.folder, ...parentOf(entry)],
      library: LIBRARY,
      ...(process.lib ? { prelude: [join(LIBRARY.folder, "fleet", "init.lua")], shared: FLEET_ACTIONS } : {}),
      silence,
      budget: budget.maxBytes === undefined ? {} : { maxBytes: budget.maxBytes },
      cache: join(home, "facts"),
      ...(image === undefined ? {} : { image }),
      ...own,
      ...(carried === undefined ? {} : { carried }),
      ...(process.lib ? { constants: { ...own.constants, ...constantsForLibrary(process) } } : {}),
    });
    const { maxMessageBytes, uploadsMessages } = capacityOf(network);
    if (!uploadsMessages) checkSize(made, maxMessageBytes - ENVELOPE);
    if (image) checkImage(made, image, EVAL_OVERHEAD);
    return made;
  } catch (error) {
    if (error instanceof FleetError) throwAll(error.problems.map((problem) => atDeclaration(name, problem)));
    throw error;
  }
}

/** Global through which a bundle passes the declared names to publish to the library. */
const PUBLISHED_NAMES = "FLEET_PUBLISH";

/** What the library has to know of a declaration before the program runs. A bundle that declares nothing keeps its hash. Pure. */
function constantsForLibrary({ state, publish }: ProcessDeclaration): Record<string, string> {
  const globals = globalsOf(state);
  return {
    ...(globals === undefined ? {} : { [DECLARED_GLOBALS]: globals.join(",") }),
    ...(publish.length === 0 ? {} : { [PUBLISHED_NAMES]: publish.join(",") }),
  };
}

/** The Lua modules that a member's image brings: known by the image's name or id, otherwise read from the declared file. */
async function imageOf(module: FleetDeclaration["module"]): Promise<ImageModules | undefined> {
  if (typeof module === "string") return imageModules(module);
  const wasm = await readFile(module.wasm).catch(() => undefined);
  // `declareModule` reports a missing file.
  return wasm && wasmModules(module.wasm, wasm);
}

/** Deletes cached facts that are older than 30 days. */
export const removeUnusedFacts = (home: string): Promise<void> =>
  removeOldFacts(join(home, "facts"), Date.now() - 30 * 86_400_000);

/** The parent of the program's folder, so that `battle.turn` is found from `processes/battle`. */
function parentOf(entry: string): string[] {
  if (entry.startsWith("npm:")) return [];
  return [dirname(entry.endsWith(".lua") ? dirname(entry) : entry)];
}

const OPTION_FIELDS: Readonly<Record<string, string>> = {
  CONSTANT_INVALID: "bundle.",
  BUNDLE_OVER_BUDGET: "bundle.",
  SILENCE_INVALID: "",
};
const SOURCE_CODES = new Set(["LUA_ENTRY_MISSING", "LUA_ENTRY_TWICE", "BUNDLE_TOO_LARGE"]);

/** Places a problem with an option at its path in the declaration. Problems in files stay at file, line and column. */
function atDeclaration(name: string, problem: Problem): Problem {
  if (SOURCE_CODES.has(problem.code)) return { ...problem, at: `processes.${name}.source` };
  const field = OPTION_FIELDS[problem.code];
  return field === undefined ? problem : { ...problem, at: `processes.${name}.${field}${problem.at ?? ""}` };
}

/** Removes duplicates: members share modules, and therefore the findings in them. */
export function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ code, what, at }) => {
    const key = `${code} ${at ?? ""} ${what}`;
    return !seen.has(key) && seen.add(key);
  });
}
