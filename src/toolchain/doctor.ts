/** What is installed on this machine, in which version, and how to fix what is missing. Changes nothing. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FleetError } from "../core/errors.ts";
import { backendFolder } from "./backend.ts";
import { environment } from "./env.ts";
import { checkGo, findPip, requiredGo } from "./go.ts";
import { isInstalled, launcherVersion } from "./install.ts";
import { missingDependencies, nodeProblem, packagesProblem, pinnedNode } from "./packages.mjs";
import { cliDir, type Env, isRepository, manifest, packageDir, passphraseFile, walletFile } from "./paths.ts";
import { readProject } from "./project.ts";
import { run } from "./run.ts";
import { excessPermissions } from "./secrets.ts";

/** The result of one check. */
interface Finding {
  /** Short and stable: `node`, `packages`, `pulumi CLI`, `go`, … */
  readonly name: string;
  /** False if `pulumi` would not work because of it. */
  readonly ok: boolean;
  readonly version?: string;
  /** Its location, or the problem. Never a secret. */
  readonly detail: string;
  /** The fix, imperative; only if one is needed. */
  readonly remedy?: string;
}

const SET_UP = "Run `npx fleet setup`: it creates what is missing.";

/** npm skips install scripts if configured to, and newer versions skip scripts that are not approved. */
const NODE = "Run `npm rebuild node` (a newer npm: `npm rebuild node --allow-scripts=node`).";

/** Checks everything, in the order in which the set-up needs it. Never throws. Takes about a second. */
export async function doctor(projectDir: string = process.cwd(), env: Env = process.env): Promise<Finding[]> {
  const cli = await checkCli(env);
  return [
    await checkNode(env),
    checkPackages(),
    cli,
    ...(await checkBuilders(env, cli.ok)),
    checkProject(projectDir, env),
    checkSecret("dev passphrase", passphraseFile(projectDir)),
    checkSecret("dev wallet", walletFile(projectDir)),
  ];
}

async function checkNode(env: Env): Promise<Finding> {
  const name = "node";
  const pinned = pinnedNode(packageDir);
  const changed = nodeProblem(packageDir);
  if (changed !== undefined) return { name, ok: false, detail: changed, remedy: NODE };
  const answer = await run(pinned, ["--version"], { env, timeoutMs: 10_000 });
  if (answer.code !== 0) return { name, ok: false, detail: `${pinned} does not run`, remedy: NODE };
  return { name, ok: true, version: answer.stdout, detail: pinned };
}

function checkPackages(): Finding {
  const problem = isRepository
    ? packagesProblem(packageDir)
    : missingDependencies(packageDir, manifest().dependencies);
  const detail = isRepository ? "match package-lock.json" : "all dependencies of ao-fleet";
  return problem === undefined
    ? { name: "packages", ok: true, detail }
    : { name: "packages", ok: false, detail: problem, remedy: "Run `npm install`." };
}

async function checkCli(env: Env): Promise<Finding> {
  const name = "pulumi CLI";
  const version = launcherVersion();
  const bin = join(cliDir(version, env), "bin");
  if (!isInstalled(version, env)) {
    const half = existsSync(join(bin, "pulumi")) ? "the language host is missing next to it" : "missing";
    return { name, ok: false, detail: `${bin}: ${half}`, remedy: SET_UP };
  }
  const wanted = env.PULUMI_VERSION;
  if (wanted && wanted !== version) {
    return {
      name,
      ok: false,
      version,
      detail: `PULUMI_VERSION=${wanted} makes the launcher run another version`,
      remedy: "Unset PULUMI_VERSION.",
    };
  }
  const answer = await run(join(bin, "pulumi"), ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 30_000,
  });
  if (answer.code === 0) return { name, ok: true, version: answer.stdout.replace(/^v/, ""), detail: bin };
  return {
    name,
    ok: false,
    detail: `${bin}/pulumi does not run: ${answer.output.slice(0, 200)}`,
    remedy: `Remove ${cliDir(version, env)}, then run \`npx fleet setup\`.`,
  };
}

/** Go and pip are needed only if the CLI is missing and cannot be downloaded. */
async function checkBuilders(env: Env, cliIsThere: boolean): Promise<Finding[]> {
  const [go, pip] = await Promise.all([checkGo("go", env), findPip(env)]);
  const needed = cliIsThere ? "; not needed, the CLI is installed" : "";
  return [
    go.ok
      ? { name: "go", ok: true, version: go.version, detail: "on the PATH; can build the CLI" }
      : {
          name: "go",
          ok: cliIsThere || pip !== undefined,
          detail: `on the PATH: ${go.reason}${needed}`,
          ...(cliIsThere
            ? {}
            : { remedy: `Install Go ${requiredGo()} or newer, or install pip, which can fetch it.` }),
        },
    pip
      ? { name: "pip", ok: true, version: pip.version.replace(/^pip /, ""), detail: "can install Go" }
      : { name: "pip", ok: cliIsThere || go.ok, detail: `none found${needed}` },
  ];
}

function checkProject(projectDir: string, env: Env): Finding {
  const name = "backend";
  try {
    const { backendDir } = readProject(projectDir);
    const url = { ...env, ...environment(projectDir, env) }.PULUMI_BACKEND_URL;
    if (url === undefined) return { name, ok: true, detail: "the one selected by `pulumi login`" };
    if (
      backendDir !== undefined &&
      backendFolder(url, projectDir) === backendDir &&
      !existsSync(backendDir)
    ) {
      return { name, ok: false, detail: `${backendDir} is missing`, remedy: SET_UP };
    }
    return { name, ok: true, detail: url };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const [{ what, at, remedy }] = error.problems;
    return { name, ok: false, detail: at === undefined ? what : `${what} (${at})`, remedy };
  }
}

function checkSecret(name: string, file: string): Finding {
  if (!existsSync(file)) return { name, ok: false, detail: `${file} is missing`, remedy: SET_UP };
  const wide = excessPermissions(file);
  if (wide !== undefined) {
    return { name, ok: false, detail: `${file} has mode ${wide}`, remedy: `Run \`chmod 600 ${file}\`.` };
  }
  if (readFileSync(file).length === 0) {
    return { name, ok: false, detail: `${file} is empty`, remedy: "Remove it, then run `npx fleet setup`." };
  }
  return { name, ok: true, detail: file };
}
