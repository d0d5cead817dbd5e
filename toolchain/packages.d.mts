/** The Node that everything after the set-up runs on; see packages.mjs. */
export function pinnedNode(project: string): string;
/** Why the packages have to be installed, in words; undefined when they are as package-lock.json says. */
export function packagesProblem(project: string): string | undefined;
/** Installs the packages when `packagesProblem` finds one. Throws when npm fails. */
export function ensurePackages(project: string, log: (line: string) => void): Promise<void>;
