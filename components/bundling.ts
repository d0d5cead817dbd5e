import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { capacityOf } from "../src/ao/network.ts";
import {
  type Bundle,
  bundle,
  checkImage,
  checkSize,
  forgetFacts,
  type ImageModules,
  imageModules,
  type Library,
  wasmModules,
} from "../src/bundler/index.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { FLEET_ACTIONS } from "../src/core/fleet-actions.ts";
import { IDLE } from "./configuration.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { carriedOf, DECLARED, globalsOf, silenceOfCode } from "./known-state.ts";
import { LATENCY } from "./latency.ts";
import { declareModule } from "./module.ts";
import { whole } from "./whole.ts";

/** Bytes of a message beside the bundle: signature, tags, guard and commit. */
const ENVELOPE = 8_000;
/** Bytes of what is evaluated beside the bundle, as an image reads it: tags, guard and commit. */
const AROUND = 3_000;

/**
 * What a member runs: its bundle, and the module under it as it is declared.
 *
 * @throws FleetError with every problem of both
 */
export function programOf(
  name: string,
  process: ProcessDeclaration,
  fleet: Pick<FleetDeclaration, "network" | "module">,
  home: string,
): Promise<{ module: string; made: Bundle }> {
  const at = process.module === undefined ? "module" : `processes.${name}.module`;
  return whole({
    module: declareModule(process.module ?? fleet.module, at, fleet.network, home),
    made: bundleMember(name, process, fleet, home),
  });
}

/** Where a project keeps modules that several of its programs share, unless `bundle.search` says otherwise. */
const SHARED = "processes/lib";

/**
 * The Lua library of this package, wherever it is installed: never the working directory's. One label, so that a bundle is the same text
 * in the repository and in a project that depends on the package.
 */
const LIBRARY: Library = {
  folder: fileURLToPath(new URL("../src/runtime", import.meta.url)),
  label: "ao-fleet",
};

/** The file or folder that a member's program starts with, relative to the project. */
export const entryOf = (name: string, { source }: Pick<ProcessDeclaration, "source">): string =>
  source ?? `processes/${name}/process.lua`;

/**
 * The one Lua text of a member, made as declared. What was found in unchanged files is remembered in `.fleet/facts`.
 *
 * @throws FleetError with every problem of the member, those of the declaration at their path in it
 */
async function bundleMember(
  name: string,
  process: ProcessDeclaration,
  fleet: Pick<FleetDeclaration, "network" | "module">,
  home: string,
): Promise<Bundle> {
  const { network } = fleet;
  const image = await imageOf(process.module ?? fleet.module);
  const entry = entryOf(name, process);
  const { search, budget, ...own } = process.bundle;
  const root = globalThis.process.cwd();
  const globals = globalsOf(process.state);
  const carried = carriedOf(process);
  // Of settings, not of code.
  const { [IDLE]: _idle, [LATENCY]: _latency, ...silence } = silenceOfCode(process.silence);
  try {
    const made = await bundle({
      name,
      entry,
      root,
      search: [...search, SHARED, LIBRARY.folder, ...above(entry)],
      library: LIBRARY,
      ...(process.lib ? { prelude: [join(LIBRARY.folder, "fleet", "init.lua")], shared: FLEET_ACTIONS } : {}),
      silence,
      budget: budget.maxBytes === undefined ? {} : { maxBytes: budget.maxBytes },
      cache: join(home, "facts"),
      ...(image === undefined ? {} : { image }),
      ...own,
      ...(carried === undefined ? {} : { carried }),
      ...(globals !== undefined && process.lib
        ? { constants: { ...own.constants, [DECLARED]: globals.join(",") } }
        : {}),
    });
    const { maxMessageBytes, uploads } = capacityOf(network);
    if (!uploads) checkSize(made, maxMessageBytes - ENVELOPE);
    if (image) checkImage(made, image, AROUND);
    return made;
  } catch (error) {
    if (error instanceof FleetError) throwAll(error.problems.map((problem) => located(name, problem)));
    throw error;
  }
}

/** What is known of the image under a member: by its name or id, else from the bytes of the file that it is declared with. */
async function imageOf(module: FleetDeclaration["module"]): Promise<ImageModules | undefined> {
  if (typeof module === "string") return imageModules(module);
  const wasm = await readFile(module.wasm).catch(() => undefined);
  // That the file is missing is told by the module itself.
  return wasm && wasmModules(module.wasm, wasm);
}

/** Forgets what was found in files a month ago and earlier. */
export const tidyFacts = (home: string): Promise<void> =>
  forgetFacts(join(home, "facts"), Date.now() - 30 * 86_400_000);

/** The folder above the program's own, so that `battle.turn` is found from `processes/battle`. */
function above(entry: string): string[] {
  if (entry.startsWith("npm:")) return [];
  return [dirname(entry.endsWith(".lua") ? dirname(entry) : entry)];
}

const FIELDS: Readonly<Record<string, string>> = {
  CONSTANT_INVALID: "bundle.",
  BUNDLE_OVER_BUDGET: "bundle.",
  SILENCE_INVALID: "",
};
const OF_SOURCE = new Set(["LUA_ENTRY_MISSING", "LUA_ENTRY_TWICE", "BUNDLE_TOO_LARGE"]);

/** Problems of options are named by their path in the declaration; those of files stay at file, line and column. */
function located(name: string, problem: Problem): Problem {
  if (OF_SOURCE.has(problem.code)) return { ...problem, at: `processes.${name}.source` };
  const field = FIELDS[problem.code];
  return field === undefined ? problem : { ...problem, at: `processes.${name}.${field}${problem.at ?? ""}` };
}

/** Each once: members share modules, and so what is found in them. */
export function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ code, what, at }) => {
    const key = `${code} ${at ?? ""} ${what}`;
    return !seen.has(key) && seen.add(key);
  });
}
