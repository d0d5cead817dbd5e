import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { type Problem, throwAll } from "../../core/errors.ts";

/** Folders without tests of the project. */
const SKIPPED = new Set(["node_modules", "build", "dist"]);

export const isTestFile = (file: string): boolean => /(\.|_)test\.lua$/.test(file);

/**
 * The files of tests at these paths, sorted, relative to the project. A file that is named is taken whatever its name is.
 *
 * @param paths files and folders, relative to `cwd`
 * @throws FleetError TEST_PATH_MISSING, TESTS_MISSING
 */
export function findTests(projectDir: string, cwd: string, paths: readonly string[]): string[] {
  const starts = (paths.length === 0 ? [projectDir] : paths).map((path) => resolve(cwd, path));
  const problems = starts
    .filter((path) => !existsSync(path))
    .map(
      (path): Problem => ({
        code: "TEST_PATH_MISSING",
        what: `There is no file or folder ${relative(cwd, path)}.`,
        got: path,
        expected: "a file of tests, or a folder with such files",
        remedy: "Fix the path.",
      }),
    );
  throwAll(problems);
  const found = new Set(starts.flatMap((path) => (statSync(path).isDirectory() ? testsIn(path) : [path])));
  if (found.size === 0)
    throwAll([
      {
        code: "TESTS_MISSING",
        what: "No file of tests was found.",
        got: starts.map((path) => relative(cwd, path) || ".").join(", "),
        expected: "files named *.test.lua or *_test.lua",
        remedy: "Write one, as docs/how-to/test.md shows.",
      },
    ]);
  return [...found].map((path) => relative(projectDir, path).split(sep).join("/")).sort();
}

function testsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : testsIn(path);
    return entry.isFile() && isTestFile(entry.name) ? [path] : [];
  });
}
