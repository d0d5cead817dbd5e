/** Where things are: the project, the launcher's folder, the toolchain's own cache. */

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds src/ and the other rooms: the repository, or `dist` of the installed package. */
export const packageDir: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Whether this is the repository, with the guide's fleet in it, and not a package that a project depends on. */
export const isRepository: boolean = existsSync(join(packageDir, "package-lock.json"));

/** What package.json says: of the repository, or of the installed package. */
export function manifest(): {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
} {
  const folder = existsSync(join(packageDir, "package.json")) ? packageDir : dirname(packageDir);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Variables of the environment that move things; `process.env` unless a test gives another. */
export type Env = Readonly<Record<string, string | undefined>>;

/** `$PULUMI_HOME`, or `~/.pulumi`: where the npm launcher `pulumi` keeps the versions of the CLI. */
export function pulumiHome(env: Env = process.env): string {
  return env.PULUMI_HOME || join(env.HOME || homedir(), ".pulumi");
}

/** The folder from which the launcher runs one version of the CLI. */
export function cliDir(version: string, env: Env = process.env): string {
  return join(pulumiHome(env), "versions", version);
}

/** The toolchain's own cache: a Go that pip brought. `$XDG_CACHE_HOME/ao-fleet`, or `~/.cache/ao-fleet`. */
export function cacheDir(env: Env = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "ao-fleet");
}

/** What belongs to this checkout alone and is never committed: secrets, the file backend, locks. Mode 700. */
export function privateDir(projectDir: string): string {
  return join(projectDir, ".fleet");
}

/** The stack that the set-up makes and everything else is about unless it says otherwise. */
export const DEV = "dev";

/** The passphrase of a stack's secrets, mode 600. The set-up makes the dev stack's; each other stack has its own, or is asked for it. */
export function passphraseFile(projectDir: string, stack: string = DEV): string {
  return join(privateDir(projectDir), `${stack}-passphrase`);
}

/** The wallet of the dev stack (an Arweave RSA key as JWK), made once by the set-up. Mode 600. */
export function walletFile(projectDir: string): string {
  return join(privateDir(projectDir), "dev-wallet.json");
}
