/** What pulumi reads from the environment in this project. `fleet env` prints it for a shell. */
import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { commandFolders } from "./packages.mjs";
import { type Env, packageDir, passphraseFile } from "./paths.ts";
import { readProject } from "./project.ts";

/**
 * The variables to add to an environment so that a bare `pulumi` works in `projectDir` and below it.
 *
 * - `PATH`: first the folders of commands that have the pinned Node and the launcher `pulumi`, wherever npm put them;
 * - `PULUMI_BACKEND_URL`: the backend of Pulumi.yaml made absolute (a relative one would follow the shell's folder);
 * - `PULUMI_CONFIG_PASSPHRASE_FILE`: the dev stack's, unless a passphrase is set already;
 * - `PULUMI_SKIP_UPDATE_CHECK`: the version is pinned.
 *
 * What is set already (`env`, default `process.env`) wins, except that PATH gets these entries in front.
 */
export function environment(projectDir: string, env: Env = process.env): Record<string, string> {
  const variables: Record<string, string> = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  const commands = commandFolders(packageDir, ["node", "pulumi"]);
  const path = (env.PATH ?? "").split(delimiter).filter((entry) => !commands.includes(entry));
  variables.PATH = [...commands, ...path].join(delimiter);
  const { backendUrl } = readProject(projectDir);
  if (backendUrl !== undefined && !env.PULUMI_BACKEND_URL) variables.PULUMI_BACKEND_URL = backendUrl;
  const passphrase = passphraseFile(projectDir);
  if (
    env.PULUMI_CONFIG_PASSPHRASE === undefined &&
    !env.PULUMI_CONFIG_PASSPHRASE_FILE &&
    existsSync(passphrase)
  ) {
    variables.PULUMI_CONFIG_PASSPHRASE_FILE = passphrase;
  }
  return variables;
}

/** `export NAME='value'` lines for `eval "$(npx fleet env)"` in sh, bash and zsh. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join("");
}
