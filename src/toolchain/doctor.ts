/** What is installed on this machine, in which version, what the project has, and how to fix what is missing. Changes nothing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkProject } from "./doctor-project.ts";
import type { Finding } from "./finding.ts";
import { checkGo, findPip, requiredGo } from "./go.ts";
import { isInstalled, launcherVersion } from "./install.ts";
import { missingDependencies, nodeProblem, packagesProblem, pinnedNode } from "./packages.mjs";
import { cliDir, type Env, isRepository, manifest, packageDir } from "./paths.ts";
import { run } from "./run.ts";

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
    ...checkProject(projectDir, env),
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
