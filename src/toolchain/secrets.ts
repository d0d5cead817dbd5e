/**
 * The passphrases and wallets of stacks: created once, by the set-up (the dev stack's) or by `fleet stack init`, with mode 600, never
 * committed, never printed. Nothing else in the project generates a key.
 */
import { generateKeyPair, randomBytes } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { FleetError } from "../core/errors.ts";
import { settingsFile } from "../core/settings-file.ts";
import { DEV, passphraseFile, privateDir, walletFile } from "./paths.ts";
import type { Log } from "./progress.ts";

const newKeyPair = promisify(generateKeyPair);

/** Creates what is missing, restricts permissions that are too wide, and logs the changes. */
export async function ensureSecrets(projectDir: string, log: Log): Promise<void> {
  ensurePassphrase(projectDir, DEV, log);
  await ensureWallet(walletFile(projectDir), DEV, log);
}

/**
 * The passphrase file of a stack.
 *
 * @returns whether it was created
 * @throws FleetError DEV_PASSPHRASE_LOST, PASSPHRASE_MISSING: the stack has secrets that a new passphrase cannot decrypt
 */
export function ensurePassphrase(projectDir: string, stack: string, log: Log): boolean {
  const folder = privateDir(projectDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const passphrase = passphraseFile(projectDir, stack);
  // In a new clone the folder is empty, so its permissions exposed nothing.
  narrow(folder, 0o700, existsSync(passphrase) ? log : () => {});
  const isNew = !existsSync(passphrase);
  if (isNew) {
    refuseNewPassphrase(projectDir, stack);
    writeOnce(passphrase, randomBytes(32).toString("base64url"));
    log(`secrets: created a passphrase for the ${stack} stack in ${passphrase}`);
  }
  narrow(passphrase, 0o600, log);
  return isNew;
}

/** The wallet file of a stack; its folder exists. @returns whether it was created */
export async function ensureWallet(file: string, stack: string, log: Log): Promise<boolean> {
  const isNew = !existsSync(file);
  if (isNew) {
    const { privateKey } = await newKeyPair("rsa", { modulusLength: 4096, publicExponent: 0x10001 });
    writeOnce(file, `${JSON.stringify(privateKey.export({ format: "jwk" }))}\n`);
    log(`secrets: created a wallet for the ${stack} stack in ${file}`);
  }
  narrow(file, 0o600, log);
  return isNew;
}

/** Permission bits that are too wide for a secret, such as `644`; undefined if only its owner can read it. */
export function excessPermissions(file: string): string | undefined {
  const mode = statSync(file).mode & 0o777;
  return (mode & 0o077) === 0 ? undefined : mode.toString(8);
}

function narrow(path: string, mode: number, log: Log): void {
  const wide = excessPermissions(path);
  if (wide === undefined) return;
  chmodSync(path, mode);
  log(`secrets: ${path} was readable by others (${wide}); now ${mode.toString(8)}`);
}

/** Creates the file atomically; of two concurrent calls the first wins, because a link to an existing name fails. */
function writeOnce(file: string, text: string): void {
  const temp = `${file}.${process.pid}.tmp`;
  writeFileSync(temp, text, { mode: 0o600 });
  try {
    linkSync(temp, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(temp, { force: true });
  }
}

/** A new passphrase cannot decrypt existing secrets: this error is clearer than a later decryption error. */
function refuseNewPassphrase(projectDir: string, stack: string): void {
  const file = join(projectDir, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) return;
  const settings: unknown = settingsFile(file, parse);
  if (typeof settings !== "object" || settings === null || !("encryptionsalt" in settings)) return;
  const restored =
    stack === DEV
      ? "Restore the file."
      : "Get the file from whoever created the stack, and store it there with mode 600; or set PULUMI_CONFIG_PASSPHRASE.";
  throw new FleetError({
    code: stack === DEV ? "DEV_PASSPHRASE_LOST" : "PASSPHRASE_MISSING",
    what: `The ${stack} stack's passphrase is missing.`,
    at: passphraseFile(projectDir, stack),
    got: `no such file, but an encryptionsalt in Pulumi.${stack}.yaml`,
    expected: "the file with which the stack was created",
    remedy: `${restored} To create a new ${stack} stack instead, remove the line \`encryptionsalt\` from Pulumi.${stack}.yaml and the stack's file in the backend (\`npx fleet doctor\` shows its location).`,
  });
}
