/** What pulumi reads from the environment in this project. `fleet env` prints it for a shell. */
import { existsSync, mkdirSync } from "node:fs";
import { delimiter } from "node:path";
import { commandFolders } from "./packages.mjs";
import { DEV, type Env, packageDir, passphraseFile } from "./paths.ts";
import { readProject } from "./project.ts";

/**
 * The variables to add to an environment so that a bare `pulumi` works in `projectDir` and below it.
 *
 * - `PATH`: first the folders of commands that have the pinned Node and the launcher `pulumi`, wherever npm put them;
 * - `PULUMI_BACKEND_URL`: the backend of Pulumi.yaml made absolute (a relative one would follow the shell's folder);
 * - `PULUMI_CONFIG_PASSPHRASE_FILE`: `.fleet/<stack>-passphrase` where it exists, unless a passphrase is set already. The dev stack's is
 *   never another stack's: where it is set and `stack` is another one, the variable is `undefined`, to be unset;
 * - `PULUMI_SKIP_UPDATE_CHECK`: the version is pinned.
 *
 * What is set already (`env`, default `process.env`) wins, except that PATH gets these entries in front.
 */
export function environment(
  projectDir: string,
  env: Env = process.env,
  stack: string = DEV,
): Record<string, string | undefined> {
  const variables: Record<string, string | undefined> = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  const commands = commandFolders(packageDir, ["node", "pulumi"]);
  const path = (env.PATH ?? "").split(delimiter).filter((entry) => !commands.includes(entry));
  variables.PATH = [...commands, ...path].join(delimiter);
  const { backendUrl } = readProject(projectDir);
  if (backendUrl !== undefined && !env.PULUMI_BACKEND_URL) variables.PULUMI_BACKEND_URL = backendUrl;
  const given = env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const isOfDev = stack !== DEV && given === passphraseFile(projectDir);
  if (env.PULUMI_CONFIG_PASSPHRASE === undefined && (!given || isOfDev)) {
    const passphrase = passphraseFile(projectDir, stack);
    if (existsSync(passphrase)) variables.PULUMI_CONFIG_PASSPHRASE_FILE = passphrase;
    else if (isOfDev) variables.PULUMI_CONFIG_PASSPHRASE_FILE = undefined;
  }
  return variables;
}

/** Makes the folder of the project's file backend, readable by its owner only: pulumi refuses to begin in one that is not there. */
export function makeBackend(projectDir: string): void {
  const { backendDir } = readProject(projectDir);
  if (backendDir !== undefined) mkdirSync(backendDir, { recursive: true, mode: 0o700 });
}

/** `export NAME='value'` lines for `eval "$(npx fleet env)"` in sh, bash and zsh; `unset NAME` for what has no value. */
export function exportLines(variables: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(variables)
    .map(([name, value]) =>
      value === undefined ? `unset ${name}\n` : `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
    )
    .join("");
}
