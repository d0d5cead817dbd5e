import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FleetError } from "../src/core/errors.ts";

/** The project's file of Pulumi, in a folder or the nearest one above it; undefined when there is none (a test's program). */
export function projectFile(from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const found = ["Pulumi.yaml", "Pulumi.yml"].map((name) => join(at, name)).find(existsSync);
    if (found !== undefined) return found;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Refuses a program that Pulumi runs in another folder than the project's (`main: infra/index.ts`): `processes/`, `.fleet/` and
 * `build/` are next to Pulumi.yaml, where fleet's commands look for them.
 *
 * @throws FleetError PROGRAM_ELSEWHERE
 */
export function checkWorkingFolder(cwd: string): void {
  const file = projectFile(cwd);
  if (file === undefined || dirname(file) === cwd) return;
  throw new FleetError({
    code: "PROGRAM_ELSEWHERE",
    what: `The program does not run in the folder of ${basename(file)}, so the files of the fleet would be looked for in the wrong place.`,
    at: `main in ${file}`,
    got: cwd,
    expected: dirname(file),
    remedy: `Put the program next to ${basename(file)} (it may import from other folders), and remove the folder from "main".`,
  });
}
