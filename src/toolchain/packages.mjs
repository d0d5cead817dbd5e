/**
 * Finds the npm packages, and installs them if they are missing or do not match package-lock.json.
 * Plain JavaScript on any Node from 20, because it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { withLock } from "./lock.mjs";

const FIELDS = ["dependencies", "devDependencies", "optionalDependencies"];

function json(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** The nearest `node_modules/<path>` at or above a folder, as Node resolves packages: npm may hoist them. */
function nearestModule(from, ...path) {
  for (let at = from; ; at = dirname(at)) {
    const place = join(at, "node_modules", ...path);
    if (existsSync(place)) return place;
    if (dirname(at) === at) return undefined;
  }
}

/** The folder of an installed package, resolved from a folder; undefined if it is not installed. */
export function packageFolder(from, name) {
  const manifest = nearestModule(from, name, "package.json");
  return manifest && dirname(manifest);
}

/** The existing folders with the commands of packages (`node_modules/.bin`), resolved from a folder, without duplicates. */
export function commandFolders(from, names) {
  const found = names.flatMap((name) => nearestModule(from, ".bin", name) ?? []);
  return [...new Set(found.map((command) => dirname(command)))];
}

/** The pinned Node, on which everything after the set-up runs; the file may be missing. */
export function pinnedNode(from) {
  const home = packageFolder(from, "node") ?? join(from, "node_modules", "node");
  return join(home, "bin", process.platform === "win32" ? "node.exe" : "node");
}

/**
 * sha256 of the pinned Node for each platform. The install script of the npm package `node` fetches it as another package, which no lock
 * file lists. For Apple's processors there is no package of this version.
 */
export const NODE_HASHES = {
  version: "22.23.3",
  "linux-x64": "fde6a4bf8d0562f7751d1a2d6cb9b417c4cfe107bbcb0aa3e9a24e125e348f48",
  "linux-arm64": "d09e299258c24f7cdf6f5d5ec185e3a56512b27a697113735dac909f1cac7b8d",
  "darwin-x64": "fdb8d4da9332c2c99c3b2ae4bad4672bfef225ecd603e656cd1378b3644583a2",
  "win32-x64": "9c9245166b4a8e182e0b797da9c20136117ff24368eaff1fec8343a123c8db0e",
};

/** Why the pinned Node is not the known one; undefined if it is, if it is missing, or if none is known for this platform. */
export function nodeProblem(from, known = NODE_HASHES) {
  const expected = known[`${process.platform}-${process.arch}`];
  const file = pinnedNode(from);
  const { version } = json(join(packageFolder(from, "node") ?? from, "package.json")) ?? {};
  if (expected === undefined || version !== known.version || !existsSync(file)) return undefined;
  const got = createHash("sha256").update(readFileSync(file)).digest("hex");
  return got === expected ? undefined : `${file} has sha256 ${got}, not ${expected}`;
}

/** Describes the dependencies that are not installed, resolved from a folder; undefined if all are. */
export function missingDependencies(from, dependencies) {
  const missing = Object.keys(dependencies).filter((name) => packageFolder(from, name) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** Why the packages have to be installed; undefined if they match package-lock.json. */
export function packagesProblem(project) {
  const installed = json(join(project, "node_modules", ".package-lock.json"))?.packages;
  if (!installed) return "node_modules is missing";
  const declared = json(join(project, "package.json")) ?? {};
  const locked = json(join(project, "package-lock.json"))?.packages;
  if (!locked) return "package-lock.json is missing";
  for (const field of FIELDS) {
    for (const [name, range] of Object.entries(declared[field] ?? {})) {
      if (locked[""]?.[field]?.[name] !== range) return `package-lock.json does not contain ${name}@${range}`;
    }
  }
  for (const [path, entry] of Object.entries(locked)) {
    if (path === "" || entry.link) continue;
    const present = installed[path];
    if (present?.version === entry.version) continue;
    // Packages for other platforms are listed in the lock file, but not installed.
    if (!present && entry.optional) continue;
    return `${path.replace(/^node_modules\//, "")} is ${present?.version ?? "missing"}, not ${entry.version}`;
  }
  try {
    if (statSync(pinnedNode(project)).size > 0) return undefined;
  } catch {
    // Its install script was skipped or interrupted.
  }
  return "the pinned Node is missing from node_modules/node";
}

function npm(project, args, log) {
  const viaNpm = process.env.npm_execpath?.endsWith(".js");
  const [command, first] = viaNpm ? [process.execPath, [process.env.npm_execpath]] : ["npm", []];
  const since = Date.now();
  const alive = () => log(`packages: npm ${args[0]}, ${Math.round((Date.now() - since) / 1000)} s`);
  const timer = setInterval(alive, 5_000);
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], { cwd: project, stdio: ["ignore", 2, 2] });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ${args.join(" ")} ended with ${signal ?? `code ${code}`}`));
    });
  }).finally(() => clearInterval(timer));
}

/** Installs the packages if `packagesProblem` reports a problem, with progress on `log`. Throws if npm fails. */
export async function ensurePackages(project, log) {
  if (!packagesProblem(project)) return;
  await withLock(
    join(project, ".fleet", "locks", "packages"),
    async () => {
      const problem = packagesProblem(project);
      if (!problem) return;
      const clean =
        !existsSync(join(project, "node_modules")) && existsSync(join(project, "package-lock.json"));
      log(`packages: ${problem}; running npm ${clean ? "ci" : "install"}`);
      // Errors only: the packages run on the pinned Node, so npm's warnings about the current one do not apply.
      await npm(project, [clean ? "ci" : "install", "--loglevel=error"], log);
      if (existsSync(pinnedNode(project))) return verifyNode(project);
      // Newer npm versions skip install scripts that are not approved; this runs the one that is needed.
      log("packages: fetching the pinned Node");
      await npm(project, ["rebuild", "node", "--allow-scripts=node"], log);
      if (!existsSync(pinnedNode(project))) {
        throw new Error("npm did not install the pinned Node; try `npm install --allow-scripts=node`");
      }
      verifyNode(project);
    },
    {
      onWait: everyFiveSeconds((pid) =>
        log(`packages: waiting for process ${pid}, which is installing them`),
      ),
    },
  );
}

/** Right after its installation, before it runs. */
function verifyNode(project) {
  const problem = nodeProblem(project);
  if (problem === undefined) return;
  rmSync(pinnedNode(project), { force: true });
  throw new Error(`${problem}; it was removed and did not run`);
}

function everyFiveSeconds(say) {
  let next = 0;
  return (pid, waited) => {
    if (waited < next) return;
    next = waited + 5_000;
    say(pid);
  };
}
