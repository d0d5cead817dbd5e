import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isRepository, packageDir } from "../toolchain/paths.ts";

/**
 * The folder of the Pulumi project: the nearest one with a Pulumi.yaml at or above `from`. Where there is none, it is the repository
 * itself when this runs from its clone (so that `fleet` works from anywhere), and `from` when this is an installed package.
 */
export function findProject(from: string): string {
  for (let at = resolve(from); ; at = dirname(at)) {
    if (existsSync(join(at, "Pulumi.yaml"))) return at;
    if (dirname(at) === at) return isRepository ? packageDir : resolve(from);
  }
}
