/** Paths of the project, the launcher's folder and the toolchain's own cache. */

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that contains src/ and the other rooms: the repository, or `dist` of the installed package. */
export const packageDir: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Whether this is the repository with the guide's fleet, and not an installed package. */
export const isRepository: boolean = existsSync(join(packageDir, "package-lock.json"));

/** The package.json of the repository or of the installed package. */
export function manifest(): {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
} {
  const folder = existsSync(join(packageDir, "package.json")) ? packageDir : dirname(packageDir);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Environment variables; `process.env` unless a test passes others. */
export type Env = Readonly<Record<string, string | undefined>>;

/** `$PULUMI_HOME`, or `~/.pulumi`: contains the npm launcher's versions of the CLI. */
export function pulumiHome(env: Env = process.env): string {
  return env.PULUMI_HOME || join(env.HOME || homedir(), ".pulumi");
}

/** The folder from which the launcher runs one version of the CLI. */
export function cliDir(version: string, env: Env = process.env): string {
  return join(pulumiHome(env), "versions", version);
}

/** The folder for files of this checkout that are never committed: secrets, the file backend, locks. Mode 700. */
export function privateDir(projectDir: string): string {
  return join(projectDir, ".fleet");
}

/** The stack that the set-up creates, and the default stack of everything else. */
export const DEV = "dev";

/** The passphrase file of a stack's secrets, mode 600. The set-up creates the dev stack's; other stacks have their own, or prompt for it. */
export function passphraseFile(projectDir: string, stack: string = DEV): string {
  return join(privateDir(projectDir), `${stack}-passphrase`);
}

/** The wallet of the dev stack (an Arweave RSA key as JWK), created once by the set-up. Mode 600. */
export function walletFile(projectDir: string): string {
  return join(privateDir(projectDir), "dev-wallet.json");
}
