import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, relative } from "node:path";
import { list } from "tar";
import { packageDir } from "../../src/toolchain/paths.ts";
import { type Project, projectIn, type Ran } from "./project.ts";

/** Folders that a clone does not have. */
const NOT_COPIED = new Set(["node_modules", ".git", "build", "dist", "schemas", ".fleet", ".pulumi"]);
/** Files that a work tree may have, and that must not be packed. */
const PRIVATE = [
  ".fleet/dev-wallet.json",
  "wallets/prod.json",
  "Pulumi.dev.yaml",
  ".env",
  "build/report.json",
];

/** A stranger's machine: npm and Node, nothing of this repository on the PATH, and no settings of an npm that runs this. */
const outside = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_|PULUMI_|FLEET_|INIT_CWD|NODE_|VITEST)/i.test(name),
    ),
  ),
  PATH: (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules"))
    .join(delimiter),
  NO_COLOR: "1",
  // The folder of compiled code, which only saves time.
  ...(process.env.NODE_COMPILE_CACHE === undefined
    ? {}
    : { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
});

/** Runs a command to its end. */
export function runIn(cwd: string, command: string, args: readonly string[], env = outside()): Promise<Ran> {
  return new Promise((done) => {
    const options = { cwd, env, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      done({
        code: child.exitCode ?? 1,
        text: stdout + stderr + (child.exitCode === null ? String(error) : ""),
      });
    });
  });
}

async function must(cwd: string, command: string, args: readonly string[]): Promise<string> {
  const ran = await runIn(cwd, command, args);
  if (ran.code !== 0) throw new Error(`${command} ${args.join(" ")}: ${ran.text}`);
  return ran.text;
}

/** The tarballs and their files. */
export interface Packed {
  readonly tarball: string;
  /** Path → size. */
  readonly files: ReadonlyMap<string, number>;
  /** The package `create-ao-fleet`, and the paths in it. */
  readonly create: { readonly tarball: string; readonly files: readonly string[] };
  /** The repository's package.json after packing. */
  readonly after: string;
}

/** `npm pack` in a copy of the work tree, because it replaces package.json while it runs. */
export async function pack(top: string): Promise<Packed> {
  const copy = join(top, "clone");
  cpSync(packageDir, copy, {
    recursive: true,
    filter: (path) => !NOT_COPIED.has(relative(packageDir, path)),
  });
  for (const file of PRIVATE) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), "private");
  }
  symlinkSync(join(packageDir, "node_modules"), join(copy, "node_modules"));
  const { tarball, files } = await packIn(copy, top);
  const create = await packIn(join(copy, "create-ao-fleet"), top);
  return {
    tarball,
    files,
    create: { tarball: create.tarball, files: [...create.files.keys()] },
    after: readFileSync(join(copy, "package.json"), "utf8"),
  };
}

async function packIn(folder: string, top: string): Promise<{ tarball: string; files: Map<string, number> }> {
  const printed = await must(folder, "npm", ["pack", "--loglevel=error", "--pack-destination", top]);
  const tarball = join(top, printed.trim().split("\n").at(-1) ?? "");
  const files = new Map<string, number>();
  await list({
    file: tarball,
    onReadEntry: ({ path, size }) => void files.set(path.replace(/^package\//, ""), size),
  });
  return { tarball, files };
}

/** A project that depends on the tarball, in a workspace whose root has all packages; its paths contain spaces and other special characters. */
export interface PackedProject extends Project {
  /** The workspace's root. */
  readonly top: string;
  fleet(args: readonly string[]): Promise<Ran>;
  /** Another project in the same workspace, with the same packages. */
  neighbour(name: string, files: Record<string, string>): Promise<PackedProject>;
  /** `eval "$(npx fleet env)"`: the environment for a bare pulumi. */
  enter(): Promise<void>;
}

/** Installs it and writes the files; nothing is set up. */
export async function installed(
  { tarball, create }: Packed,
  name: string,
  files: Record<string, string>,
): Promise<PackedProject> {
  const top = mkdtempSync(join(tmpdir(), "eigene Flotte größer 艦隊 "));
  for (const each of [tarball, create.tarball]) cpSync(each, join(top, basename(each)));
  const tools = { "create-ao-fleet": `file:${basename(create.tarball)}` };
  writeFileSync(
    join(top, "package.json"),
    JSON.stringify({ private: true, workspaces: ["projects/*"], dependencies: tools }),
  );
  const { dependencies } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8"));
  const project = projectOf(top, name, {
    "package.json": JSON.stringify({
      name,
      type: "module",
      dependencies: {
        "@pulumi/pulumi": dependencies["@pulumi/pulumi"],
        "ao-fleet": `file:../../${basename(tarball)}`,
      },
    }),
    ...files,
  });
  await must(top, "npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
  return project;
}

/** Adds the compiler to the packages of a workspace, in the version that the templates depend on. */
export function addTypescript({ top }: Pick<PackedProject, "top">): void {
  const place = join(top, "node_modules", "typescript");
  if (!existsSync(place)) symlinkSync(join(packageDir, "node_modules", "typescript"), place);
}

function projectOf(top: string, name: string, files: Record<string, string>): PackedProject {
  const dir = join(top, "projects", `${name} 1`);
  const bin = join(top, "node_modules", ".bin");
  const env = outside();
  const project = projectIn(dir, `file://${dir}/.fleet`, { bin, env });
  for (const [path, text] of Object.entries(files)) project.write(path, text);
  return {
    ...project,
    top,
    neighbour: async (other, itsFiles) => projectOf(top, other, itsFiles),
    fleet: (args) => runIn(dir, join(bin, "fleet"), args, env),
    async enter() {
      Object.assign(env, JSON.parse(await must(dir, join(bin, "fleet"), ["env", "--json"])));
    },
    async close() {
      await project.close();
      rmSync(top, { recursive: true, force: true });
    },
  };
}
