import { basename, dirname } from "node:path";
import { FleetError } from "../src/core/errors.ts";
import { projectFileIn } from "../src/fleet/session/pulumi-files.ts";

/** Path of the Pulumi project file in a folder or its closest ancestor; undefined if there is none, as in a test. */
export function projectFile(from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const found = projectFileIn(at);
    if (found !== undefined) return found;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Rejects a program that Pulumi runs outside the project's folder (`main: infra/index.ts`): `processes/`, `.fleet/` and `build/` are
 * next to Pulumi.yaml, where the fleet commands look for them.
 *
 * @throws FleetError PROGRAM_ELSEWHERE
 */
export function checkWorkingFolder(cwd: string): void {
  const file = projectFile(cwd);
  if (file === undefined || dirname(file) === cwd) return;
  throw new FleetError({
    code: "PROGRAM_ELSEWHERE",
    what: `The program does not run in the folder of ${basename(file)}, so the fleet's files would be looked up in the wrong place.`,
    at: `main in ${file}`,
    got: cwd,
    expected: dirname(file),
    remedy: `Move the program next to ${basename(file)} (it may import from other folders), and remove the folder from "main".`,
  });
}
