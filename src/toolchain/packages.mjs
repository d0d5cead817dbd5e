/**
 * Finds the npm packages, and installs them if they are missing or do not match package-lock.json.
 * Plain JavaScript on any Node from 20, because it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
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
      if (existsSync(pinnedNode(project))) return;
      // Newer npm versions skip install scripts that are not approved; this runs the one that is needed.
      log("packages: fetching the pinned Node");
      await npm(project, ["rebuild", "node", "--allow-scripts=node"], log);
      if (!existsSync(pinnedNode(project))) {
        throw new Error("npm did not install the pinned Node; try `npm install --allow-scripts=node`");
      }
    },
    {
      onWait: everyFiveSeconds((pid) =>
        log(`packages: waiting for process ${pid}, which is installing them`),
      ),
    },
  );
}

function everyFiveSeconds(say) {
  let next = 0;
  return (pid, waited) => {
    if (waited < next) return;
    next = waited + 5_000;
    say(pid);
  };
}
