/** The environment variables for pulumi in this project. `fleet env` prints them for a shell. */
import { existsSync, mkdirSync } from "node:fs";
import { delimiter } from "node:path";
import { z } from "zod";
import { commandFolders } from "./packages.mjs";
import { DEV, type Env, packageDir, passphraseFile } from "./paths.ts";
import { readProject } from "./project.ts";

/** The variables that `fleet env` set in a shell, as JSON, to distinguish them from those that the user set. Contains no secret. */
const MARKER = "FLEET_ENV";

const BACKEND = "PULUMI_BACKEND_URL";
const PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE_FILE";

/**
 * The variables to add to an environment so that a plain `pulumi` works in `projectDir` and below it.
 *
 * - `PATH`: starts with the command folders of the pinned Node and the launcher `pulumi`, wherever npm installed them;
 * - `PULUMI_BACKEND_URL`: the backend of Pulumi.yaml, made absolute (a relative one would depend on the shell's folder);
 * - `PULUMI_CONFIG_PASSPHRASE_FILE`: `.fleet/<stack>-passphrase` if it exists, unless a passphrase is already set. The dev stack's is
 *   never used for another stack;
 * - `PULUMI_SKIP_UPDATE_CHECK`: the version is pinned;
 * - `FLEET_ENV`: which of these values were set by this function.
 *
 * Variables that the user set (`env`, default `process.env`) take precedence, except that PATH gets these entries in front. Values
 * that an earlier call set for another project or stack are replaced; a variable without a new value is `undefined`, to be unset.
 */
export function environment(
  projectDir: string,
  env: Env = process.env,
  stack: string = DEV,
): Record<string, string | undefined> {
  const before = markedIn(env);
  const { path, added } = pathWith(commandFolders(packageDir, ["node", "pulumi"]), env.PATH, before.path);
  const variables: Record<string, string | undefined> = { PULUMI_SKIP_UPDATE_CHECK: "true", PATH: path };
  const set: Record<string, string> = {};
  const offer = (name: string, value: string | undefined, isOurs: boolean): void => {
    if (env[name] && !isOurs) return;
    if (value !== undefined) {
      variables[name] = value;
      set[name] = value;
    } else if (env[name]) variables[name] = undefined;
  };
  const isMarked = (name: string): boolean => env[name] !== undefined && env[name] === before.set[name];
  offer(BACKEND, readProject(projectDir).backendUrl, isMarked(BACKEND));
  const file = passphraseFile(projectDir, stack);
  const isGiven = env.PULUMI_CONFIG_PASSPHRASE !== undefined || !existsSync(file);
  // The dev stack's file may also have been set manually.
  const isOfDev = stack !== DEV && env[PASSPHRASE_FILE] === passphraseFile(projectDir);
  offer(PASSPHRASE_FILE, isGiven ? undefined : file, isMarked(PASSPHRASE_FILE) || isOfDev);
  variables[MARKER] = JSON.stringify({ set, path: added });
  return variables;
}

/** PATH with the command folders in front, without those that an earlier call added for another project. */
function pathWith(
  commands: readonly string[],
  path = "",
  earlier: readonly string[] = [],
): { readonly path: string; readonly added: readonly string[] } {
  const entries = path.split(delimiter);
  // An entry of the user's own must not be removed by a later project.
  const added = commands.filter((folder) => earlier.includes(folder) || !entries.includes(folder));
  const kept = entries.filter((entry) => !commands.includes(entry) && !earlier.includes(entry));
  return { path: [...commands, ...kept].join(delimiter), added };
}

const MarkSchema = z.object({
  set: z.record(z.string(), z.string()),
  path: z.array(z.string()),
});

/** The variables that an earlier call set; none if its mark is missing or invalid. */
function markedIn(env: Env): z.infer<typeof MarkSchema> {
  try {
    const mark = MarkSchema.safeParse(JSON.parse(env[MARKER] ?? ""));
    if (mark.success) return mark.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { set: {}, path: [] };
}

/** Creates the folder of the project's file backend, readable only by its owner: pulumi fails if it does not exist. */
export function makeBackend(projectDir: string): void {
  const { backendDir } = readProject(projectDir);
  if (backendDir !== undefined) mkdirSync(backendDir, { recursive: true, mode: 0o700 });
}

/** `export NAME='value'` lines for `eval "$(npx fleet env)"` in sh, bash and zsh; `unset NAME` for variables without a value. */
export function exportLines(variables: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(variables)
    .map(([name, value]) =>
      value === undefined ? `unset ${name}\n` : `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
    )
    .join("");
}
