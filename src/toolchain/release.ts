/**
 * `node src/toolchain/release.ts v1.2.3`: whether a tag, package.json and CHANGELOG.md name the same version. Runs before packages are installed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { warn } from "../core/say.ts";

/** What is wrong with a release; empty if nothing is. Pure. */
export function releaseProblems(
  tag: string,
  manifest: { readonly version: string; readonly repository?: unknown },
  changelog: string,
): string[] {
  const { version } = manifest;
  const [section = ""] = changelog.split(`\n## ${version} - `).slice(1);
  return [
    ...(tag === `v${version}` ? [] : [`the tag is ${tag}, but package.json has version ${version}`]),
    ...(manifest.repository === undefined
      ? ["package.json names no repository: provenance says from which one the package was built"]
      : []),
    ...(/^\d{4}-\d\d-\d\d\n/.test(section)
      ? []
      : [`CHANGELOG.md has no section "## ${version} - <year-month-day>"`]),
  ];
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const problems = releaseProblems(
    process.argv[2] ?? "",
    JSON.parse(read("package.json")),
    read("CHANGELOG.md"),
  );
  for (const problem of problems) warn(`release: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
