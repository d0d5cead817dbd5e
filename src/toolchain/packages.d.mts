/** The folder of an installed package, resolved like Node does, including a hoisted `node_modules`. */
export function packageFolder(from: string, name: string): string | undefined;
/** The `node_modules/.bin` folders with these commands, resolved from a folder, without duplicates. */
export function commandFolders(from: string, names: readonly string[]): string[];
/** Describes the dependencies that are not installed, resolved from a folder; undefined if all are. */
export function missingDependencies(
  from: string,
  dependencies: Readonly<Record<string, string>>,
): string | undefined;
/** The pinned Node; see packages.mjs. */
export function pinnedNode(project: string): string;
/** sha256 of the pinned Node by platform and architecture, and its version. */
export const NODE_HASHES: Readonly<Record<string, string>> & { readonly version: string };
/** Why the pinned Node is not the known one; undefined if it is, or if that cannot be known. */
export function nodeProblem(from: string, known?: typeof NODE_HASHES): string | undefined;
/** Why the packages have to be installed; undefined if they match package-lock.json. */
export function packagesProblem(project: string): string | undefined;
/** Installs the packages if `packagesProblem` reports a problem. Throws if npm fails. */
export function ensurePackages(project: string, log: (line: string) => void): Promise<void>;
