import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { keyOf } from "../../ao/wallet.ts";
import { amount } from "../../core/amount.ts";
import { tolerate } from "../../core/errors.ts";
import { isRecord, jsonIn } from "../../core/json.ts";
import type { Secret } from "../../core/known-secrets.ts";
import { SECRET_PATTERNS } from "../../core/redact.ts";
import type { WalletSource } from "../../fleet/session/wallet.ts";
import { stackWallet } from "../workspace/open-fleet.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import type { Workspace } from "../workspace/workspace.ts";
import type { Findings } from "./subject.ts";

/** A place where a secret was found. */
interface Leak {
  readonly file: string;
  /** A description of the secret, never the value. */
  readonly what: string;
}

/** Minimum length: shorter strings may appear by chance. */
const MIN_LENGTH = 12;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi"];

/** The secrets in a string. Pure. */
function leaksIn(file: string, text: string, secrets: readonly Secret[]): Leak[] {
  const known = secrets.filter(({ value }) => value.length >= MIN_LENGTH && text.includes(value));
  return [
    ...known.map(({ name }) => ({ file, what: name })),
    ...SECRET_PATTERNS.filter(([, shape]) => shape.test(text)).map(([what]) => ({ file, what })),
  ];
}

/** The stack's own secrets: the private numbers of its wallet, its passphrase, its access token. They stay in memory. */
export async function secretsOf(workspace: Workspace, stack: string): Promise<Secret[]> {
  const { env } = workspace;
  const secrets: Secret[] = [];
  const source = await sourceOf(workspace, stack);
  if (source !== undefined && !("signer" in source))
    secrets.push(...walletSecrets(await keyOf(source).catch(tolerate(undefined))));
  const file = env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const passphrase =
    env.PULUMI_CONFIG_PASSPHRASE ?? (file ? await readFile(file, "utf8").catch(() => "") : "");
  if (passphrase.trim() !== "") secrets.push({ name: "the stack's passphrase", value: passphrase.trim() });
  if (env.PULUMI_ACCESS_TOKEN)
    secrets.push({ name: "the Pulumi access token", value: env.PULUMI_ACCESS_TOKEN });
  return secrets;
}

/** The source of the stack's wallet; undefined if none can be read, which other checks report. */
const sourceOf = (workspace: Workspace, stack: string): Promise<WalletSource | undefined> =>
  stackWallet(workspace, readStackConfig(workspace.projectDir, stack)).catch(tolerate(undefined));

/** The private numbers of a wallet. Pure. */
function walletSecrets(jwk: unknown): Secret[] {
  const value = typeof jwk === "string" ? jsonIn(jwk) : jwk;
  const key = isRecord(value) ? value : {};
  return PRIVATE_MEMBERS.flatMap((member) => {
    const number = key[member];
    return typeof number === "string"
      ? [{ name: `the wallet's private number ${member}`, value: number }]
      : [];
  });
}

/** Folders to scan, relative to the project. */
const FOLDERS = [
  "build",
  ".fleet/releases",
  ".fleet/journal",
  ".fleet/rollbacks",
  ".fleet/validation",
  ".fleet/.pulumi",
];
/** Files that may contain secrets. */
const SECRET_FILES = /(^|\/)(dev-wallet\.json|dev-passphrase)$/;
/** The most bytes of a file to scan. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Scans state, manifests, releases, journals and logs. */
async function scan(
  projectDir: string,
  secrets: readonly Secret[],
): Promise<{ readonly files: number; readonly leaks: readonly Leak[] }> {
  const leaks: Leak[] = [];
  let files = 0;
  for (const folder of FOLDERS) {
    for (const path of await filesIn(join(projectDir, folder))) {
      const name = relative(projectDir, path);
      if (SECRET_FILES.test(name)) continue;
      const bytes = await readFile(path).catch(() => undefined);
      if (!bytes) continue;
      files += 1;
      leaks.push(...leaksIn(name, bytes.subarray(0, MAX_BYTES).toString("latin1"), secrets));
    }
  }
  return { files, leaks };
}

/** Adds the findings `secrets` and `wallet`. */
export async function validateSecrets(
  workspace: Workspace,
  stack: string,
  findings: Findings,
): Promise<void> {
  const { projectDir } = workspace;
  const { files, leaks } = await scan(projectDir, await secretsOf(workspace, stack));
  const words = leaks.map(({ file, what }) => `${file} contains ${what}`).join("; ");
  findings.judge(
    "fleet",
    "secrets",
    leaks.length === 0,
    leaks.length === 0 ? `none found in ${amount(files, "file")}` : words,
  );
  const source = await sourceOf(workspace, stack);
  const path = source !== undefined && "path" in source ? source.path : undefined;
  const mode = path === undefined ? undefined : await stat(path).catch(() => undefined);
  if (path === undefined || !mode || process.platform === "win32") {
    findings.add("fleet", "wallet", "SKIP", "the wallet is not in a file");
    return;
  }
  const bits = (mode.mode & 0o777).toString(8);
  findings.judge(
    "fleet",
    "wallet",
    (mode.mode & 0o077) === 0,
    `${relative(projectDir, path)} has mode ${bits}`,
  );
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
