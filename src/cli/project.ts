import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isRepository, packageDir } from "../toolchain/paths.ts";

/**
 * The folder of the Pulumi project: the nearest one with a Pulumi.yaml at or above `from`. If there is none, the repository itself when
 * this runs from its clone (so that `fleet` works from anywhere), otherwise `from`.
 */
export function findProject(from: string): string {
  for (let at = resolve(from); ; at = dirname(at)) {
    if (existsSync(join(at, "Pulumi.yaml"))) return at;
    if (dirname(at) === at) return isRepository ? packageDir : resolve(from);
  }
}
