/** What a new project is made of: what was asked for, checked. Pure, except `lookAround`. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import validate from "validate-npm-package-name";
import { type Problem, throwAll } from "../../core/errors.ts";
import { nearest, withSuggestion } from "../../fleet/nearest.ts";
import { templateNames } from "../../toolchain/templates.ts";
import { installedManagers, MANAGERS, type PackageManager } from "./package-managers.ts";

/** The networks of a project's stacks. The embedded network of the stack `dev` speaks the same protocol. */
export const NETWORKS = ["mainnet", "legacy"] as const;
type ProjectNetwork = (typeof NETWORKS)[number];

/** As given on the command line, or answered. What is absent gets its default. */
export interface Wanted {
  /** The project's folder. @default the working folder */
  readonly folder?: string;
  /** @default the folder's name */
  readonly name?: string;
  /** @default minimal */
  readonly template?: string;
  /** @default mainnet */
  readonly network?: string;
  /** @default the package manager that runs this command, otherwise npm */
  readonly packageManager?: string;
  /** The ao-fleet that the project depends on: a version, or a file or folder. @default the version of the template */
  readonly library?: string;
}

/** A project that can be written. */
export interface Choices {
  /** Absolute. */
  readonly folder: string;
  readonly name: string;
  readonly template: string;
  readonly network: ProjectNetwork;
  readonly packageManager: PackageManager;
  /** As package.json names it: a version, or `file:` with a path from the project's folder. */
  readonly library?: string;
}

/** What the checks need to know of this machine. */
export interface Surroundings {
  readonly cwd: string;
  /** The entries of a folder; undefined if it does not exist, "file" if it is none. */
  entriesOf(path: string): readonly string[] | "file" | undefined;
  readonly managers: ReadonlySet<PackageManager>;
  /** The package manager that runs this command, if one does. */
  readonly runBy: PackageManager | undefined;
}

/** Entries of a folder that a new project may be written next to. */
const HARMLESS = new Set([".git", ".DS_Store"]);

/** Names of projects that pulumi accepts. */
const PROJECT_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

const DEFAULT_TEMPLATE = "minimal";

/** Looks at this machine. */
export function lookAround(cwd: string, env: Readonly<Record<string, string | undefined>>): Surroundings {
  const agent = env.npm_config_user_agent?.split("/")[0] ?? "";
  return {
    cwd,
    entriesOf(path) {
      if (!existsSync(path)) return undefined;
      return statSync(path).isDirectory() ? readdirSync(path) : "file";
    },
    managers: installedManagers(env),
    runBy: MANAGERS.find((manager) => manager === agent),
  };
}

/**
 * The choices of a project.
 *
 * @throws FleetError with every problem at once
 */
export function chosen(wanted: Wanted, around: Surroundings): Choices {
  const folder = resolve(around.cwd, wanted.folder ?? ".");
  const name = wanted.name ?? basename(folder);
  const template = wanted.template ?? DEFAULT_TEMPLATE;
  const network = wanted.network ?? NETWORKS[0];
  const packageManager = wanted.packageManager ?? around.runBy ?? MANAGERS[0];
  const templates = templateNames();
  throwAll([
    ...folderProblems(folder, around),
    ...nameProblems(name, wanted.name !== undefined),
    ...oneOf("TEMPLATE_UNKNOWN", "--template", "template", template, templates),
    ...oneOf("NETWORK_UNKNOWN", "--network", "network", network, NETWORKS),
    ...managerProblems(packageManager, around.managers),
    ...libraryProblems(wanted.library, around),
  ]);
  return {
    folder,
    name,
    template,
    network: network as ProjectNetwork,
    packageManager: packageManager as PackageManager,
    ...(wanted.library === undefined ? {} : { library: dependencyOf(wanted.library, folder, around) }),
  };
}

/** Problems of the folder of a new project. */
function folderProblems(folder: string, around: Pick<Surroundings, "entriesOf">): Problem[] {
  const entries = around.entriesOf(folder);
  if (entries === "file")
    return [
      {
        code: "FOLDER_IS_FILE",
        what: "The folder of the new project is a file.",
        at: folder,
        got: "a file",
        expected: "a folder that does not exist yet, or an empty one",
        remedy: "Name another folder.",
      },
    ];
  const used = (entries ?? []).filter((entry) => !HARMLESS.has(entry));
  if (used.length === 0) return [];
  return [
    {
      code: "FOLDER_NOT_EMPTY",
      what: "The folder of the new project is not empty. Nothing was written.",
      at: folder,
      got: `${used.slice(0, 5).join(", ")}${used.length > 5 ? `, and ${used.length - 5} more` : ""}`,
      expected: "a folder that does not exist yet, or an empty one",
      remedy: "Name another folder, or move these files away.",
    },
  ];
}

/** Problems of a project's name, which is also the name of its package. */
function nameProblems(name: string, isGiven: boolean): Problem[] {
  const { validForNewPackages, errors = [], warnings = [] } = validate(name);
  const reasons = validForNewPackages ? [] : [...errors, ...warnings];
  if (!PROJECT_NAME.test(name)) reasons.push("pulumi accepts 1 to 100 of A-Z a-z 0-9 _ . -");
  if (reasons.length === 0) return [];
  return [
    {
      code: "PROJECT_NAME_INVALID",
      what: `Invalid name of a project: ${reasons.join("; ")}.`,
      at: isGiven ? "--name" : "the folder's name",
      got: name,
      expected: "lower-case letters, digits, hyphens, dots and underscores, as npm and pulumi accept them",
      remedy: isGiven ? "Choose another name." : "Pass --name <name>.",
    },
  ];
}

function oneOf(code: string, at: string, noun: string, got: string, known: readonly string[]): Problem[] {
  if (known.includes(got)) return [];
  const near = nearest(got, known);
  return [
    {
      code,
      what: `There is no ${noun} "${got}".`,
      at,
      got,
      expected: withSuggestion(near, `one of ${known.join(", ")}`),
      remedy: near === undefined ? `Choose one of these.` : `Pass ${at} ${near}.`,
    },
  ];
}

function managerProblems(manager: string, installed: ReadonlySet<PackageManager>): Problem[] {
  const unknown = oneOf("PACKAGE_MANAGER_UNKNOWN", "--package-manager", "package manager", manager, MANAGERS);
  if (unknown.length > 0 || installed.has(manager as PackageManager)) return unknown;
  const others = [...installed];
  return [
    {
      code: "PACKAGE_MANAGER_MISSING",
      what: `The package manager ${manager} is not installed.`,
      at: "--package-manager",
      got: `no command ${manager} on the PATH`,
      expected: others.length > 0 ? `one of those that are: ${others.join(", ")}` : "one on the PATH",
      remedy:
        others[0] === undefined
          ? `Install ${manager}, then run this again.`
          : `Pass --package-manager ${others[0]}, or install ${manager}.`,
    },
  ];
}

/** Whether a library is named by a path, and not by a version or a tag. */
const isPath = (library: string): boolean => /^\.{0,2}[\\/]|\.tgz$/.test(library);

function libraryProblems(library: string | undefined, around: Surroundings): Problem[] {
  if (library === undefined || !isPath(library)) return [];
  const path = resolve(around.cwd, library);
  if (around.entriesOf(path) !== undefined) return [];
  return [
    {
      code: "LIBRARY_MISSING",
      what: "The package of ao-fleet does not exist.",
      at: "--library",
      got: path,
      expected: "a version, or the path of a packed ao-fleet",
      remedy: "Fix the path. `npm pack` in a clone of ao-fleet creates such a file.",
    },
  ];
}

const dependencyOf = (library: string, folder: string, { cwd }: Surroundings): string =>
  isPath(library) ? `file:${relative(folder, resolve(cwd, library))}` : library;
