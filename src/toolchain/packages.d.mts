/** The folder of an installed package, found as Node finds it from a folder: also in a hoisted `node_modules`. */
export function packageFolder(from: string, name: string): string | undefined;
/** The folders `node_modules/.bin` in which these commands are, seen from a folder: each once. */
export function commandFolders(from: string, names: readonly string[]): string[];
/** Which dependencies are not installed where Node looks for them from a folder, in words; undefined when all are. */
export function missingDependencies(
  from: string,
  dependencies: Readonly<Record<string, string>>,
): string | undefined;
/** The Node that everything after the set-up runs on; see packages.mjs. */
export function pinnedNode(project: string): string;
/** Why the packages have to be installed, in words; undefined when they are as package-lock.json says. */
export function packagesProblem(project: string): string | undefined;
/** Installs the packages when `packagesProblem` finds one. Throws when npm fails. */
export function ensurePackages(project: string, log: (line: string) => void): Promise<void>;
