import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import { readSettings, type Settings } from "../../monitor/settings.ts";
import type { Env } from "../../toolchain/paths.ts";

/** Path of the database with a stack's figures and alerts. */
export const storePath = ({ home, project, stack }: StackFiles): string =>
  join(home, "monitor", `${project}.${stack}.sqlite`);

/**
 * The monitor's settings: from the named file, otherwise from `monitoring.<stack>.yaml`, otherwise from `monitoring.yaml`, otherwise the
 * defaults.
 *
 * @throws FleetError SETTINGS_MISSING, SETTINGS_INVALID
 */
export function settingsOf(
  projectDir: string,
  stack: string,
  named: string | undefined,
  env: Env,
): { settings: Settings; file?: string } {
  const candidates = named === undefined ? [`monitoring.${stack}.yaml`, "monitoring.yaml"] : [named];
  const paths = candidates.map((name) => (isAbsolute(name) ? name : join(projectDir, name)));
  const file = paths.find((path) => existsSync(path));
  if (file !== undefined) return { settings: readSettings(readFileSync(file, "utf8"), file, env), file };
  if (named === undefined) return { settings: readSettings(undefined, "monitoring.yaml", env) };
  throw new FleetError({
    code: "SETTINGS_MISSING",
    what: `The file ${named} does not exist.`,
    got: paths[0] ?? named,
    expected: "a YAML file with the monitor's settings",
    remedy: "Fix the path. Without --config, monitoring.yaml or the defaults are used.",
  });
}
