/**
 * The licences of what a user of ao-fleet installs and runs: every package of the lock file that is not only for development.
 * `node src/toolchain/licences.ts` lists them and fails for one that is not accepted; `npm test` runs it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageDir } from "./paths.ts";

/** Licences that ask for no more than a notice. */
const ACCEPTED: ReadonlySet<string> = new Set([
  ...[
    "0BSD",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Python-2.0",
    "Unlicense",
    "Zlib",
  ],
  // Data, not code.
  ...["CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"],
]);

/** A package that is accepted in spite of its licence. */
interface Exception {
  /** The licence that its package.json declares; "none" if it declares none. */
  readonly licence: string;
  readonly reason: string;
}

const METERING =
  "MPL-2.0 covers its own files, which are unmodified. The evaluator of the embedded network contains it, an optional dependency that " +
  "staging and prod never load.";

const CLIENT =
  "AO's own client, which composes every message of ao-fleet. Its repository is under BSL 1.1 and says so in no package.json; its additional use " +
  "grant is to be read by whoever ships a product with it.";

/** Package → why it is accepted. One that is no longer needed here fails the check. */
const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  "@permaweb/aoconnect": { licence: "none", reason: CLIENT },
  "@permaweb/ao-scheduler-utils": { licence: "none", reason: CLIENT },
  "arweave-stream-tx": {
    licence: "none",
    reason:
      "Its repository is under GPL-3.0. aoconnect depends on arbundles, which loads it to upload files to Arweave; ao-fleet calls no function " +
      "of it, but it is installed and loaded. It goes when aoconnect or arbundles drops it.",
  },
  "@permaweb/ao-loader": {
    licence: "none",
    reason:
      "The evaluator of AO's own compute unit; its repository is under BSL 1.1, which allows what is no production use. Only the embedded " +
      "network, for development and tests, loads it; it is an optional dependency (`npm install --omit=optional`).",
  },
  "@permaweb/wasm-metering": { licence: "MPL-2.0", reason: METERING },
  "@permaweb/wasm-json-toolkit": { licence: "MPL-2.0", reason: METERING },
  "buffer-pipe": { licence: "MPL-2.0", reason: METERING },
  leb128: { licence: "MPL-2.0", reason: METERING },
  "@logdna/tail-file": {
    licence: "SEE LICENSE IN LICENSE",
    reason: "Its LICENSE is the text of the MIT licence.",
  },
};

interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly license?: string;
}

/** A package that users run, with what its package.json declares. */
interface Licensed {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** Every package of a project's lock file that is not only for development, sorted by name. */
export function productionPackages(project: string): Licensed[] {
  const lock = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8"));
  return Object.entries(lock.packages as Record<string, LockEntry>)
    .filter(([path, { dev, link }]) => path !== "" && dev !== true && link !== true)
    .map(([path, entry]) => ({
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version: entry.version ?? "",
      licence: licenceOf(join(project, path, "package.json")) ?? entry.license ?? "none",
    }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** What an installed package declares. The lock file says it too, but not for all; other platforms' packages are not installed. */
function licenceOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const { license, licenses } = JSON.parse(readFileSync(file, "utf8"));
  // Before npm 1.2, a list of objects.
  const types = [license ?? licenses ?? []]
    .flat()
    .map((each) => (typeof each === "string" ? each : each?.type));
  return types.length === 0 ? undefined : types.join(" OR ");
}

/** Whether a licence expression (SPDX) is accepted: one side of an OR, both of an AND. */
export function isAccepted(expression: string): boolean {
  const inner = expression.trim().replace(/^\((.*)\)$/s, "$1");
  if (/\sOR\s/.test(inner)) return inner.split(/\sOR\s/).some(isAccepted);
  if (/\sAND\s/.test(inner)) return inner.split(/\sAND\s/).every(isAccepted);
  return ACCEPTED.has(inner.trim());
}

/** One line for each package that users must not be given, and for each exception that is not needed. */
export function licenceProblems(
  packages: readonly Licensed[],
  exceptions: Readonly<Record<string, Exception>> = EXCEPTIONS,
): string[] {
  const refused = packages.filter(({ licence }) => !isAccepted(licence));
  const isExcepted = ({ name, licence }: Licensed) => exceptions[name]?.licence === licence;
  const idle = Object.keys(exceptions).filter(
    (name) => !refused.some((one) => one.name === name && isExcepted(one)),
  );
  return [
    ...refused
      .filter((one) => !isExcepted(one))
      .map(
        ({ name, version, licence }) => `${name}@${version}: ${licence === "none" ? "no licence" : licence}`,
      ),
    ...idle.map((name) => `${name}: an exception that no package needs`),
  ];
}

if (import.meta.main) {
  const packages = productionPackages(packageDir);
  const problems = licenceProblems(packages);
  const counts = new Map<string, number>();
  for (const { licence } of packages) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  for (const [licence, count] of [...counts].sort((one, other) => other[1] - one[1]))
    process.stdout.write(`${String(count).padStart(5)}  ${licence}\n`);
  for (const problem of problems) process.stderr.write(`licence: ${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
