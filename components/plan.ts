import { join } from "node:path";
import { store } from "../src/bundler/index.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { intervalIn } from "../src/fleet/crons.ts";
import { writeAtomically } from "../src/fleet/files.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { answerFindings } from "./answer-warnings.ts";
import { distinct, entryOf, programOf, removeUnusedFacts } from "./bundling.ts";
import { chooseMembers, dropAllowedWithoutId } from "./chosen-members.ts";
import { type Configuration, configurationOf, SETTING_IDLE } from "./configuration.ts";
import { cronFindings } from "./cron-warnings.ts";
import { dataProblems } from "./data-problems.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { levelsOf } from "./graph.ts";
import { latencyFindings } from "./latency-warnings.ts";
import { type MemberConfig, settingsInDeclaration } from "./layers.ts";
import { networkProblems } from "./network-problems.ts";
import { parseDeclaration } from "./parse-declaration.ts";
import type { Running } from "./running-release.ts";
import type { SecretValue } from "./secret-value.ts";
import { stateFindings } from "./state-findings.ts";
import { getsNewProcess, type Rollout, rolloutOf } from "./strategy.ts";
import { isWithoutLibrary, problemsWithoutLibrary } from "./without-library.ts";

/** A member with everything that is known before anything is sent. */
export interface PlannedProcess {
  readonly name: string;
  readonly declaration: ProcessDeclaration;
  readonly declared: DeclaredProcess;
  /** True for a member that keeps running without being part of the release: it was added after the release that the stack is pinned to. */
  readonly warm?: boolean;
  /** Snapshot that its code is loaded with. */
  readonly restore?: { readonly id: string; readonly digest: string };
  /** Its secret settings by config type. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, SecretValue>>>>;
  /** Config type → setting → path of the layer in the declaration that it comes from. */
  readonly origins?: MemberConfig["origins"];
}

/** A validated fleet: declared data, bundles and order. */
export interface FleetPlan {
  readonly declaration: FleetDeclaration;
  /** In order of creation, by level. */
  readonly levels: readonly (readonly PlannedProcess[])[];
  readonly warnings: readonly Problem[];
  /** Which members wait for which, and which of them move traffic. */
  readonly rollout: Rollout;
  /** The earlier release that it is built from, and whether dependents are deployed before the members that they depend on. */
  readonly pinned?: {
    readonly release: { readonly deploymentId: string; readonly releasedAt: string };
    readonly reversed: boolean;
  };
}

/** Folders of a plan's files, relative to the project. */
export interface PlanFolders {
  readonly home: string;
  readonly build: string;
}

/**
 * Validates a declaration, bundles the Lua sources and writes them to the store. Sends nothing.
 *
 * @throws FleetError with every problem of the declaration at once, then every problem of the sources at once
 */
export async function planFleet(raw: unknown, folders: PlanFolders, running: Running): Promise<FleetPlan> {
  const configuration = configurationOf(settingsInDeclaration(raw));
  const declaration = parseDeclaration(raw, configuration);
  const chosen = chooseMembers(declaration, running);
  const fleet = dropAllowedWithoutId(declaration, chosen);
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
      if (!kept && process.silence[SETTING_IDLE] === undefined)
        warnings.push(...(configuration.idle[name] ?? []));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      problems.push(...error.problems);
    }
  }
  problems.push(
    ...networkProblems(
      declaration,
      chosen.map(({ name }) => name),
    ),
  );
  for (const { name, declared } of planned.values())
    problems.push(...dataProblems(declaration.network, name, declared.config));
  warnings.push(...cronFindings(declaration, [...planned.keys()]));
  warnings.push(...latencyFindings(declaration, levels.flat()));
  warnings.push(...answerFindings(declaration, [...planned.values()]));
  await removeUnusedFacts(folders.home);
  throwAll(distinct(problems));
  return {
    declaration,
    levels: levels.map((level) => level.flatMap((name) => planned.get(name) ?? [])),
    rollout: rolloutOf(declaration, levels.flat()),
    warnings: distinct(warnings),
  };
}

/** The current values of a member's secrets, from the stack's config: a release contains only their names. */
export function secretsOf(
  name: string,
  declared: DeclaredProcess,
  { members }: Configuration,
  problems: Problem[],
): Record<string, Record<string, SecretValue>> | undefined {
  if (declared.secrets === undefined) return undefined;
  const found: Record<string, Record<string, SecretValue>> = {};
  for (const [type, keys] of Object.entries(declared.secrets)) {
    for (const key of keys) {
      const secret = members[name]?.secrets[type]?.[key];
      if (secret) found[type] = { ...found[type], [key]: secret };
      else
        problems.push({
          code: "SECRET_MISSING",
          what: `${name} needs the secret ${type}.${key}, which has no value in this stack.`,
          at: `secretOverrides.${name}.${type}.${key}`,
          expected: "a secret of the stack's config",
          remedy: `npx pulumi config set --secret --path secrets.${name}.${type}.${key} <value>`,
        });
    }
  }
  return found;
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
  const { module, made } = await programOf(name, process, fleet, folders.home, around.running);
  await store(join(folders.home, "bundles")).put(made);
  await writeAtomically(join(folders.build, `${name}-process.lua`), made.text);
  const { hash: sourceHash, keeps } = made;
  const state = stateFindings({
    name,
    process,
    getsNewProcess: getsNewProcess(fleet, name),
    keeps,
    sourceHash,
    running: around.running,
  });
  around.problems.push(...state.problems);
  around.warnings.push(...made.warnings, ...state.warnings);
  const modules = Object.fromEntries(made.modules.map((module) => [module.name, module.hash]));
  const bare = isWithoutLibrary(process, modules);
  if (bare) throwAll(problemsWithoutLibrary(name, process, fleet, config));
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
    ...(fleet.cronDriver === "monitor" && intervalIn(process.tags) ? { cronDriver: fleet.cronDriver } : {}),
    ...(!bare && Object.keys(config?.rules ?? {}).length > 0 ? { rules: config?.rules } : {}),
    ...(secrets.length > 0 ? { secrets: Object.fromEntries(secrets), sealTo: config?.sealTo } : {}),
    ...(!bare && (fleet.allowed !== undefined || allowed.length > 0) ? { allowed } : {}),
  };
}
