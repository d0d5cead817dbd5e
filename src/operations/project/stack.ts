import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { loadWallet } from "../../ao/wallet.ts";
import { FleetError } from "../../core/errors.ts";
import { settingsIn, stackFileIn } from "../../fleet/session/pulumi-files.ts";
import { DEV, type Env, passphraseFile, walletFile } from "../../toolchain/paths.ts";
import { readProject } from "../../toolchain/project.ts";
import { ensurePassphrase, ensureWallet } from "../../toolchain/secrets.ts";
import { ignoreAllIn, prepareProject, setUp, writeOnce } from "../../toolchain/setup.ts";
import {
  createStack,
  listStacks,
  type PulumiRunner,
  shortName,
  type Workspace,
} from "../workspace/workspace.ts";
import { isKindOfStack, kindOfStack, type StackKind, settingsOfKind } from "./stack-settings.ts";

/** A secret of a stack: where it is, never what it is. */
export interface StackSecret {
  readonly kind: "passphrase" | "wallet";
  /** Its file, from the project's folder; undefined if it is not in a file of its own. */
  readonly file?: string;
  /** `created` by this run, `present` before it, `elsewhere`: in the environment or in the stack's settings, `missing`. */
  readonly state: "created" | "present" | "elsewhere" | "missing";
  /** The wallet's address, which is public. */
  readonly address?: string;
}

/** A stack that is there now. */
interface StackReport {
  readonly stack: string;
  readonly project: string;
  /** Whether this run created it. */
  readonly created: boolean;
  readonly settings: string;
  readonly secrets: readonly StackSecret[];
}

interface StackHost extends PulumiRunner {
  readonly env: Env;
  workspace(projectDir: string, stack?: string): Promise<Workspace>;
}

interface StackOptions {
  /** The stack whose settings it gets if it has none. @default its own name, for other names dev */
  readonly like?: string;
  readonly log: (line: string) => void;
}

/** Names of stacks that pulumi accepts. */
const STACK_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/**
 * Creates a stack with its settings, its passphrase and its wallet. What exists already stays as it is, so that a run that failed can be
 * repeated.
 *
 * @throws FleetError PROJECT_UNREADABLE, STACK_NAME_INVALID, STACK_KIND_UNKNOWN, PASSPHRASE_MISSING, STACK_NOT_MADE
 */
export async function initStackOf(
  host: StackHost,
  projectDir: string,
  stack: string,
  { like, log }: StackOptions,
): Promise<StackReport> {
  const { name: project } = readProject(projectDir);
  const kind = checkedKind(stack, like);
  const before = new Set(
    [passphraseFile(projectDir, stack), walletFile(projectDir)].filter((file) => existsSync(file)),
  );
  if (stack === DEV) await setUp(projectDir, log);
  else await prepareProject(projectDir, log);
  const settings = writeSettings(projectDir, project, stack, kind);
  const stacks = await listStacks(host, await host.workspace(projectDir, stack));
  const isThere = stacks.some(({ name }) => shortName(name) === stack);
  const isGiven = hasPassphrase(host.env, projectDir);
  if (!isThere && !isGiven) ensurePassphrase(projectDir, stack, log);
  const wallet = await walletOf(projectDir, settings, { project, stack, before, mayCreate: !isThere, log });
  if (!isThere) await createStack(await host.workspace(projectDir, stack), stack, stack === DEV);
  const passphrase = passphraseOf(projectDir, stack, settings, { isGiven, before });
  // Its backend or a key service encrypts the stack: a file that protects nothing would mislead.
  if (passphrase === undefined && stack !== DEV && !before.has(passphraseFile(projectDir, stack)))
    rmSync(passphraseFile(projectDir, stack), { force: true });
  return {
    stack,
    project,
    created: !isThere,
    settings: relative(projectDir, settings),
    secrets: [passphrase, wallet].flatMap((each) => each ?? []),
  };
}

function checkedKind(stack: string, like: string | undefined): StackKind {
  if (!STACK_NAME.test(stack))
    throw new FleetError({
      code: "STACK_NAME_INVALID",
      what: "Invalid name of a stack.",
      got: stack,
      expected: "1 to 100 of A-Z a-z 0-9 _ . -",
      remedy: "Choose another name, such as staging.",
    });
  if (like === undefined || isKindOfStack(like)) return kindOfStack(stack, like);
  throw new FleetError({
    code: "STACK_KIND_UNKNOWN",
    what: `There are no settings like those of "${like}".`,
    at: "--like",
    got: like,
    expected: "dev, staging or prod",
    remedy: "Name one of these; the settings can be changed afterwards.",
  });
}

/** The stack's settings file, which is written if there is none. */
function writeSettings(projectDir: string, project: string, stack: string, kind: StackKind): string {
  const present = stackFileIn(projectDir, stack);
  if (present !== undefined) return present;
  const file = resolve(projectDir, `Pulumi.${stack}.yaml`);
  writeOnce(file, settingsOfKind(kind, project, stack));
  return file;
}

const hasPassphrase = (env: Env, projectDir: string): boolean =>
  env.PULUMI_CONFIG_PASSPHRASE !== undefined ||
  (Boolean(env.PULUMI_CONFIG_PASSPHRASE_FILE) &&
    env.PULUMI_CONFIG_PASSPHRASE_FILE !== passphraseFile(projectDir));

/** A stack whose settings have no salt is encrypted by its backend or by a key service. */
function passphraseOf(
  projectDir: string,
  stack: string,
  settings: string,
  { isGiven, before }: { readonly isGiven: boolean; readonly before: ReadonlySet<string> },
): StackSecret | undefined {
  const values = settingsIn(settings);
  if (typeof values !== "object" || values === null || !("encryptionsalt" in values)) return undefined;
  const path = passphraseFile(projectDir, stack);
  if (isGiven) return { kind: "passphrase", state: "elsewhere" };
  return { kind: "passphrase", file: relative(projectDir, path), state: stateOf(path, before) };
}

const stateOf = (file: string, before: ReadonlySet<string>): StackSecret["state"] =>
  !existsSync(file) ? "missing" : before.has(file) ? "present" : "created";

interface WalletOptions {
  readonly project: string;
  readonly stack: string;
  /** Files of secrets that were there before this run. */
  readonly before: ReadonlySet<string>;
  readonly mayCreate: boolean;
  readonly log: (line: string) => void;
}

async function walletOf(
  projectDir: string,
  settings: string,
  { project, stack, before, mayCreate, log }: WalletOptions,
): Promise<StackSecret | undefined> {
  const { config } = (settingsIn(settings) ?? {}) as { config?: Readonly<Record<string, unknown>> };
  const path = config?.[`${project}:walletPath`];
  if (typeof path !== "string")
    return config?.[`${project}:wallet`] === undefined ? undefined : { kind: "wallet", state: "elsewhere" };
  const file = resolve(projectDir, path);
  const known = new Set([...before, ...(existsSync(file) && stack !== DEV ? [file] : [])]);
  if (!existsSync(file) && mayCreate) {
    if (!existsSync(dirname(file))) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      ignoreAllIn(dirname(file));
    }
    await ensureWallet(file, stack, log);
  }
  const state = stateOf(file, known);
  if (state === "missing") return { kind: "wallet", file: path, state };
  const { address } = await loadWallet({ path: file });
  return { kind: "wallet", file: path, state, address };
}
