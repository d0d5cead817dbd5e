/** Set-up from a clone to a working `npx pulumi up`, except the npm packages (see packages.mjs). */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { haveImages } from "../core/aos-images.ts";
import { settingsFile } from "../core/settings-file.ts";
import { sibling } from "../core/sibling.ts";
import { makeBackend } from "./env.ts";
import { ensureCli, type InstallMethod } from "./install.ts";
import { pinnedNode } from "./packages.mjs";
import { isRepository, packageDir, privateDir } from "./paths.ts";
import { type Log, toStderr } from "./progress.ts";
import { readProject } from "./project.ts";
import { run } from "./run.ts";
import { ensureSecrets } from "./secrets.ts";

/**
 * Creates what is missing: the CLI, the dev secrets and settings, the folder of a file backend, `fleet` for npx, and the aos images
 * if the dev stack is on the embedded network.
 * If nothing is missing, it takes a few milliseconds. Throws what `ensureCli` and `ensureSecrets` throw.
 */
export async function setUp(projectDir: string, log: Log = toStderr): Promise<InstallMethod> {
  linkFleet();
  const { name } = readProject(projectDir);
  await ensureSecrets(projectDir, log);
  writeOnce(join(projectDir, "Pulumi.dev.yaml"), devSettings(name));
  const [method] = await Promise.all([prepareProject(projectDir, log), fetchImages(projectDir, name, log)]);
  return method;
}

/** The part that every stack needs: the CLI, and the folder of a file backend. */
export function prepareProject(projectDir: string, log: Log): Promise<InstallMethod> {
  makeBackend(projectDir);
  mkdirSync(privateDir(projectDir), { recursive: true, mode: 0o700 });
  ignoreAllIn(privateDir(projectDir));
  return ensureCli({ log });
}

/** A folder with secrets, state or wallets ignores itself. */
export const ignoreAllIn = (folder: string): void => writeOnce(join(folder, ".gitignore"), "*\n");

/** The settings of a stack on the embedded network. @param project the project's name */
export const devSettings = (project: string): string =>
  readFileSync(join(packageDir, "src", "toolchain", "dev-stack.yaml"), "utf8").replaceAll(
    "ao-fleet:",
    `${project}:`,
  );

/** A failure is only reported: the network itself asks for the images again when it starts, and then fails with the reason. */
async function fetchImages(projectDir: string, name: string, log: Log): Promise<void> {
  if (haveImages() || !isEmbedded(join(projectDir, "Pulumi.dev.yaml"), name)) return;
  const program = fileURLToPath(sibling(import.meta.url, "../localnet/fetch-images"));
  await run(pinnedNode(packageDir), [program], { cwd: projectDir, onLine: log });
}

/** Whether a stack's settings leave its network at the default, the embedded one. */
function isEmbedded(file: string, name: string): boolean {
  const settings = settingsFile(file, parse) as { config?: Record<string, unknown> } | null;
  return (settings?.config?.[`${name}:network`] ?? "local") === "local";
}

/** npm links the commands of dependencies, not a package's own: with these links, `npx fleet` does not query a registry. */
function linkFleet(): void {
  const program = join(packageDir, "src", "cli", "fleet.mjs");
  if (!isRepository || !existsSync(program)) return;
  for (const name of ["fleet", "ao-fleet"]) {
    const link = join(packageDir, "node_modules", ".bin", name);
    if (existsSync(link)) continue;
    if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
    try {
      symlinkSync(join("..", "..", "src", "cli", "fleet.mjs"), link);
    } catch (error) {
      // Another set-up has just created it, or the file system has no links: npx also finds the command without it.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }
}

/** Never overwrites: an existing file belongs to the user. (Pulumi stores the passphrase's salt in a stack's file, so the dev stack's is not committed.) */
export function writeOnce(file: string, text: string): void {
  if (existsSync(file)) return;
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
