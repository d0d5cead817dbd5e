import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { packageDir } from "../toolchain/paths.ts";

/**
 * The folder of the Pulumi project: the nearest one with a Pulumi.yaml at or above `from`, otherwise the one of this package
 * (so that `fleet` works from anywhere).
 */
export function findProject(from: string): string {
  for (let at = resolve(from); ; at = dirname(at)) {
    if (existsSync(join(at, "Pulumi.yaml"))) return at;
    if (dirname(at) === at) return packageDir;
  }
}
