import { join } from "node:path";
import { store } from "../src/bundler/index.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { writeAtomically } from "../src/fleet/files.ts";
import { nearest } from "../src/fleet/nearest.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { readRunRequest } from "../src/fleet/session/run-request.ts";
import { bareProblems, isWithoutLibrary } from "./bare.ts";
import { distinct, entryOf, programOf, tidyFacts } from "./bundling.ts";
import { type Configuration, configurationOf, IDLE } from "./configuration.ts";
import { cronFindings } from "./cron.ts";
import { type FleetDeclaration, FleetDeclarationSchema, type ProcessDeclaration } from "./declaration.ts";
import { levelsOf, unknownNames } from "./graph.ts";
import type { Hidden } from "./hidden.ts";
import { stateFindings } from "./known-state.ts";
import { latencyFindings } from "./latency.ts";
import { type MemberConfig, partsIn } from "./layers.ts";
import { problemsOf } from "./problems.ts";
import { isBeside, type Rollout, rolloutOf, rolloutProblems } from "./strategy.ts";

/** A member with everything known before anything is spent. */
export interface PlannedProcess {
  readonly name: string;
  readonly declaration: ProcessDeclaration;
  readonly declared: DeclaredProcess;
  /** It runs beside the release and is no part of it: the stack is pinned to one from before it came. */
  readonly warm?: boolean;
  /** The state that its code is loaded with. */
  readonly restore?: { readonly id: string; readonly digest: string };
  /** Its secret settings by config type. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, Hidden>>>>;
  /** Config type → setting → path of the layer in the declaration that it comes from. */
  readonly origins?: MemberConfig["origins"];
}

/** A checked fleet: declared data, bundles made, order known. */
export interface FleetPlan {
  readonly declaration: FleetDeclaration;
  /** In order of creation, by level. */
  readonly levels: readonly (readonly PlannedProcess[])[];
  readonly warnings: readonly Problem[];
  /** What waits for what, and which members move traffic. */
  readonly rollout: Rollout;
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
  const configuration = configurationOf(partsIn(raw));
  const declaration = parseDeclaration(raw, configuration);
  const chosen = chooseMembers(declaration, running);
  const fleet = withIds(declaration, chosen);
  const levels = levelsOf(Object.fromEntries(chosen.map(({ name, process }) => [name, process.dependsOn])));
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const planned = new Map<string, PlannedProcess>();
  for (const { name, process, kept } of chosen) {
    try {
      const declared =
        kept ??
        (await declare(name, process, fleet, configuration.members[name], folders, {
          warnings,
          problems,
          running: running(name),
        }));
      const secrets = secretsOf(name, declared, configuration, problems);
      const origins = kept ? {} : { origins: configuration.members[name]?.origins ?? {} };
      planned.set(name, {
        name,
        declaration: process,
        declared,
        ...(secrets ? { secrets } : {}),
        ...origins,
      });
      if (!kept && process.silence[IDLE] === undefined) warnings.push(...(configuration.idle[name] ?? []));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      problems.push(...error.problems);
    }
  }
  warnings.push(...cronFindings(declaration, [...planned.keys()]));
  warnings.push(...latencyFindings(declaration, levels.flat()));
  await tidyFacts(folders.home);
  throwAll(distinct(problems));
  return {
    declaration,
    levels: levels.map((level) => level.flatMap((name) => planned.get(name) ?? [])),
    rollout: rolloutOf(declaration, levels.flat()),
    warnings: distinct(warnings),
  };
}

function parseDeclaration(raw: unknown, configuration: Configuration): FleetDeclaration {
  const parsed = FleetDeclarationSchema.safeParse(raw);
  if (!parsed.success) {
    throwAll([...problemsOf(parsed.error, raw, FleetDeclarationSchema), ...configuration.problems]);
    throw parsed.error;
  }
  const { processes, ledger } = parsed.data;
  const problems = [
    ...unknownNames(graphOf(processes, "peers"), "peers"),
    ...unknownAllowed(parsed.data),
    ...configuration.problems,
    ...rolloutProblems(parsed.data),
  ];
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
  // A member that a setting names is one that the process may call.
  for (const [name, process] of Object.entries(processes)) {
    const named = configuration.members[name]?.named ?? [];
    process.peers = [...new Set([...process.peers, ...named.filter((other) => other !== name)])];
  }
  return parsed.data;
}

const ADDRESS = /^[A-Za-z0-9_-]{43}$/;

function unknownAllowed({ allowed = [], processes }: FleetDeclaration): Problem[] {
  const names = Object.keys(processes);
  const lists = [
    ["allowed", allowed] as const,
    ...Object.entries(processes).map(([name, own]) => [`processes.${name}.allowed`, own.allowed] as const),
  ];
  return lists.flatMap(([path, list]) =>
    list.flatMap((one, index) => {
      if (names.includes(one) || ADDRESS.test(one)) return [];
      const near = nearest(one, names);
      return [
        {
          code: "UNKNOWN_MEMBER",
          what: `"${one}" may change processes, but is not in the fleet.`,
          at: `${path}.${index}`,
          got: one,
          expected: `${near === undefined ? "" : `perhaps "${near}"; `}one of ${names.join(", ")}, or an address`,
          remedy: "Declare it or mend the name.",
        },
      ];
    }),
  );
}

/** The values of a member's secrets as the stack has them now; a release names them and does not hold them. */
export function secretsOf(
  name: string,
  declared: DeclaredProcess,
  { members }: Configuration,
  problems: Problem[],
): Record<string, Record<string, Hidden>> | undefined {
  if (declared.secrets === undefined) return undefined;
  const found: Record<string, Record<string, Hidden>> = {};
  for (const [type, keys] of Object.entries(declared.secrets)) {
    for (const key of keys) {
      const secret = members[name]?.secrets[type]?.[key];
      if (secret) found[type] = { ...found[type], [key]: secret };
      else
        problems.push({
          code: "SECRET_MISSING",
          what: `${name} needs the secret ${type}.${key}, of which nothing here has a value.`,
          at: `secretOverrides.${name}.${type}.${key}`,
          expected: "a secret of the stack's config",
          remedy: `npx pulumi config set --secret --path secrets.${name}.${type}.${key} <value>`,
        });
    }
  }
  return found;
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
  const known = Object.keys(processes);
  const unknown = (option: string, names: readonly string[]): Problem[] =>
    names
      .filter((name) => !known.includes(name))
      .map((name) => ({
        code: "UNKNOWN_PROCESS",
        what: `${option} names "${name}", which is not in the fleet.`,
        got: name,
        expected: `some of ${known.join(", ")}`,
        remedy: "Correct the name.",
      }));
  const problems = [
    ...unknown("--only", only ?? []),
    ...unknown("--replace", readRunRequest().replace ?? []),
  ];
  if (only === undefined || only.length === 0) {
    throwAll(problems);
    return all;
  }
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
    process: {
      ...member.process,
      peers: member.process.peers.filter((peer) => present.has(peer)),
      allowed: member.process.allowed.filter((one) => present.has(one) || ADDRESS.test(one)),
    },
  }));
}

/** Of a member that this run leaves out and that never ran there is no id, so nobody can be told to obey it. */
function withIds(declaration: FleetDeclaration, chosen: readonly Chosen[]): FleetDeclaration {
  if (declaration.allowed === undefined) return declaration;
  const present = new Set(chosen.map(({ name }) => name));
  const allowed = declaration.allowed.filter((one) => present.has(one) || ADDRESS.test(one));
  return { ...declaration, allowed };
}

async function declare(
  name: string,
  process: ProcessDeclaration,
  fleet: FleetDeclaration,
  config: MemberConfig | undefined,
  folders: PlanFolders,
  around: {
    readonly warnings: Problem[];
    readonly problems: Problem[];
    running: DeclaredProcess | undefined;
  },
): Promise<DeclaredProcess> {
  const { module, made } = await programOf(name, process, fleet, folders.home);
  await store(join(folders.home, "bundles")).put(made);
  await writeAtomically(join(folders.build, `${name}-process.lua`), made.text);
  const { hash: sourceHash, keeps } = made;
  const state = stateFindings({
    name,
    process,
    isBeside: isBeside(fleet, name),
    keeps,
    sourceHash,
    running: around.running,
  });
  around.problems.push(...state.problems);
  around.warnings.push(...made.warnings, ...state.warnings);
  const modules = Object.fromEntries(made.modules.map((module) => [module.name, module.hash]));
  const bare = isWithoutLibrary(process, modules);
  if (bare) throwAll(bareProblems(name, process, fleet, config));
  const secrets = Object.entries(config?.secrets ?? {}).map(([type, own]) => [type, Object.keys(own).sort()]);
  const allowed = [...new Set([...(fleet.allowed ?? []), ...process.allowed])];
  return {
    entry: entryOf(name, process),
    sourceHash,
    version: process.version ?? fleet.version,
    module,
    dependsOn: process.dependsOn,
    peers: process.peers,
    config: bare ? {} : (config?.data ?? {}),
    modules,
    bytes: made.bytes,
    ...(bare ? { lib: false as const } : {}),
    ...(Object.keys(process.tags).length > 0 ? { tags: process.tags } : {}),
    ...(!bare && Object.keys(config?.rules ?? {}).length > 0 ? { rules: config?.rules } : {}),
    ...(secrets.length > 0 ? { secrets: Object.fromEntries(secrets), sealTo: config?.sealTo } : {}),
    ...(!bare && (fleet.allowed !== undefined || allowed.length > 0) ? { allowed } : {}),
  };
}
