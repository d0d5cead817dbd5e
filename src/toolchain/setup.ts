/** Everything between a clone and a working `npx pulumi up`, except the npm packages (packages.mjs does those). */
import { existsSync, lstatSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBackend } from "./env.ts";
import { ensureCli, type Way } from "./install.ts";
import { isRepository, packageDir, privateDir } from "./paths.ts";
import { type Log, toStderr } from "./progress.ts";
import { readProject } from "./project.ts";
import { ensureSecrets } from "./secrets.ts";

/**
 * Makes what is missing: the CLI, the dev secrets and settings, the folder of a file backend, `fleet` for npx.
 * Does nothing, in a few milliseconds, when all is there. Throws what `ensureCli` and `ensureSecrets` throw.
 */
export async function setUp(projectDir: string, log: Log = toStderr): Promise<Way> {
  linkFleet();
  const { name } = readProject(projectDir);
  await ensureSecrets(projectDir, log);
  // Secrets, state and wallets are in it: no project should have to remember to ignore it.
  writeOnce(join(privateDir(projectDir), ".gitignore"), "*\n");
  const settings = readFileSync(join(packageDir, "src", "toolchain", "dev-stack.yaml"), "utf8");
  writeOnce(join(projectDir, "Pulumi.dev.yaml"), settings.replaceAll("ao-fleet:", `${name}:`));
  makeBackend(projectDir);
  return ensureCli({ log });
}

/** npm links the commands of dependencies, not a package's own: with this, `npx fleet` needs no look at a registry. */
function linkFleet(): void {
  if (!isRepository) return;
  const link = join(packageDir, "node_modules", ".bin", "fleet");
  if (existsSync(link) || !existsSync(join(packageDir, "src", "cli", "fleet.mjs"))) return;
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
  try {
    symlinkSync(join("..", "..", "src", "cli", "fleet.mjs"), link);
  } catch (error) {
    // Another set-up made it a moment ago, or this file system has no links: npx finds the command without it too.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

/** What is there is the user's own. (Pulumi keeps the salt of the local passphrase in a stack's file: the dev stack's is not committed.) */
function writeOnce(file: string, text: string): void {
  if (existsSync(file)) return;
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
