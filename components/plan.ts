import { join } from "node:path";
import { store } from "../bundler/index.ts";
import { FleetError, type Problem, throwAll } from "../core/errors.ts";
import type { DeclaredProcess } from "../providers/release/schema.ts";
import { writeAtomically } from "../providers/run/files.ts";
import { distinct, entryOf, programOf, tidyFacts } from "./bundling.ts";
import { type FleetDeclaration, FleetDeclarationSchema, type ProcessDeclaration } from "./declaration.ts";
import { levelsOf, unknownNames } from "./graph.ts";
import { problemsOf } from "./problems.ts";

/** A member with everything known before anything is spent. */
export interface PlannedProcess {
  readonly name: string;
  readonly declaration: ProcessDeclaration;
  readonly declared: DeclaredProcess;
  /** It runs beside the release and is no part of it: the stack is pinned to one from before it came. */
  readonly warm?: boolean;
  /** The state that its code is loaded with. */
  readonly restore?: { readonly id: string; readonly digest: string };
}

/** A checked fleet: declared data, bundles made, order known. */
export interface FleetPlan {
  readonly declaration: FleetDeclaration;
  /** In order of creation, by level. */
  readonly levels: readonly (readonly PlannedProcess[])[];
  readonly warnings: readonly Problem[];
  /** The earlier release that it is built from, and whether dependents go before what they depend on. */
  readonly pinned?: {
    readonly release: { readonly deploymentId: string; readonly releasedAt: string };
    readonly reversed: boolean;
  };
}

/** Where files are, relative to the project. */
export interface PlanFolders {
  readonly home: string;
  readonly build: string;
}

/** How a member is declared by the release that runs now; undefined when it does not run. */
export type Running = (name: string) => DeclaredProcess | undefined;

/**
 * Checks a declaration, bundles the Lua sources and puts them into the store. Sends nothing.
 *
 * @throws FleetError with every problem of the declaration at once, then every problem of the sources at once
 */
export async function planFleet(raw: unknown, folders: PlanFolders, running: Running): Promise<FleetPlan> {
  const declaration = parseDeclaration(raw);
  const chosen = chooseMembers(declaration, running);
  const levels = levelsOf(Object.fromEntries(chosen.map(({ name, process }) => [name, process.dependsOn])));
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const planned = new Map<string, PlannedProcess>();
  for (const { name, process, kept } of chosen) {
    try {
      const declared = kept ?? (await declare(name, process, declaration, folders, warnings));
      planned.set(name, { name, declaration: process, declared });
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      problems.push(...error.problems);
    }
  }
  await tidyFacts(folders.home);
  throwAll(distinct(problems));
  return {
    declaration,
    levels: levels.map((level) => level.flatMap((name) => planned.get(name) ?? [])),
    warnings: distinct(warnings),
  };
}

function parseDeclaration(raw: unknown): FleetDeclaration {
  const parsed = FleetDeclarationSchema.safeParse(raw);
  if (!parsed.success) {
    throwAll(problemsOf(parsed.error, raw, FleetDeclarationSchema));
    throw parsed.error;
  }
  const { processes, ledger } = parsed.data;
  const problems = unknownNames(graphOf(processes, "peers"), "peers");
  if (ledger !== undefined && processes[ledger] === undefined) {
    problems.push({
      code: "UNKNOWN_LEDGER",
      what: `"${ledger}" is to keep the ledger but is not in the fleet.`,
      at: "ledger",
      got: ledger,
      expected: `one of ${Object.keys(processes).join(", ")}`,
      remedy: "Declare it or mend the name.",
    });
  }
  throwAll([...unknownNames(graphOf(processes, "dependsOn"), "dependsOn"), ...problems]);
  return parsed.data;
}

function graphOf(
  processes: Record<string, ProcessDeclaration>,
  field: "dependsOn" | "peers",
): Record<string, string[]> {
  return Object.fromEntries(Object.entries(processes).map(([name, process]) => [name, process[field]]));
}

interface Chosen {
  readonly name: string;
  readonly process: ProcessDeclaration;
  /** What runs now, for a member that this run leaves alone. */
  readonly kept?: DeclaredProcess;
}

/** With `only`, the others are declared as they run now, so the release records what really runs; what never ran is left out. */
function chooseMembers(declaration: FleetDeclaration, running: Running): Chosen[] {
  const { only, processes } = declaration;
  const all = Object.entries(processes).map(([name, process]) => ({ name, process }));
  if (only === undefined || only.length === 0) return all;
  const known = Object.keys(processes);
  const problems: Problem[] = only
    .filter((name) => !known.includes(name))
    .map((name) => ({
      code: "UNKNOWN_PROCESS",
      what: `--only names "${name}", which is not in the fleet.`,
      got: name,
      expected: `some of ${known.join(", ")}`,
      remedy: "Mend the name.",
    }));
  const chosen = all.flatMap(({ name, process }): Chosen[] => {
    if (only.includes(name)) return [{ name, process }];
    const kept = running(name);
    return kept
      ? [{ name, process: { ...process, dependsOn: kept.dependsOn, peers: kept.peers }, kept }]
      : [];
  });
  const present = new Set(chosen.map(({ name }) => name));
  for (const { name, process } of chosen) {
    for (const missing of process.dependsOn.filter((other) => !present.has(other))) {
      problems.push({
        code: "DEPENDENCY_NOT_RUNNING",
        what: `${name} depends on ${missing}, which neither runs nor is named by --only.`,
        got: `--only "${only.join(" ")}"`,
        expected: `${missing} among them, or deployed before`,
        remedy: `--only "${[missing, ...only].join(" ")}"`,
      });
    }
  }
  throwAll(problems);
  return chosen.map((member) => ({
    ...member,
    process: { ...member.process, peers: member.process.peers.filter((peer) => present.has(peer)) },
  }));
}

async function declare(
  name: string,
  process: ProcessDeclaration,
  fleet: FleetDeclaration,
  folders: PlanFolders,
  warnings: Problem[],
): Promise<DeclaredProcess> {
  const { module, made } = await programOf(name, process, fleet, folders.home);
  await store(join(folders.home, "bundles")).put(made);
  await writeAtomically(join(folders.build, `${name}-process.lua`), made.text);
  warnings.push(...made.warnings);
  return {
    entry: entryOf(name, process),
    sourceHash: made.hash,
    version: process.version ?? fleet.version,
    module,
    dependsOn: process.dependsOn,
    peers: process.peers,
    config: definedConfig(process.config),
    modules: Object.fromEntries(made.modules.map((module) => [module.name, module.hash])),
    bytes: made.bytes,
    ...(Object.keys(process.tags).length > 0 ? { tags: process.tags } : {}),
  };
}

function definedConfig(config: ProcessDeclaration["config"]): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).filter(
      (entry): entry is [string, Record<string, unknown>] => entry[1] !== undefined,
    ),
  );
}
