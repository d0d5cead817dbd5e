import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The package managers that a project can use; the first one is the default. */
export const MANAGERS = ["npm", "pnpm", "yarn", "bun"] as const;
export type PackageManager = (typeof MANAGERS)[number];

interface Usage {
  readonly install: string;
  /** What precedes a command of an installed package. */
  readonly exec: string;
  /** Files that it needs for a fleet. */
  readonly files: Readonly<Record<string, string>>;
  /** Fields of package.json that it needs. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The package whose install script has to run: the pinned Node. Without it, the user's own Node has to be of the same line. */
const BUILT = "node";

export const USAGE: Readonly<Record<PackageManager, Usage>> = {
  npm: { install: "npm install", exec: "npx", files: {}, fields: {} },
  pnpm: {
    install: "pnpm install",
    exec: "pnpm exec",
    files: {
      "pnpm-workspace.yaml": [
        "# The Node that runs the fleet is fetched by an install script. pnpm 10 reads the list, pnpm 11 the map.",
        "onlyBuiltDependencies:",
        `  - ${BUILT}`,
        "allowBuilds:",
        `  ${BUILT}: true`,
        "  keccak: false",
        "  protobufjs: false",
        "  secp256k1: false",
        "",
      ].join("\n"),
    },
    fields: {},
  },
  yarn: {
    install: "yarn install",
    exec: "yarn",
    files: {
      ".yarnrc.yml": "# Pulumi and the fleet look for packages in node_modules.\nnodeLinker: node-modules\n",
    },
    fields: {},
  },
  bun: { install: "bun install", exec: "bunx", files: {}, fields: { trustedDependencies: [BUILT] } },
};

/** Those with a command on the PATH. */
export const installedManagers = (
  env: Readonly<Record<string, string | undefined>>,
): ReadonlySet<PackageManager> => new Set(MANAGERS.filter((manager) => isOnPath(manager, env.PATH ?? "")));

/** On Windows, commands of npm packages are `.cmd` files. */
const isOnPath = (command: string, path: string): boolean =>
  path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .some((folder) => ["", ".cmd", ".exe"].some((ending) => isExecutable(join(folder, command + ending))));

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
