import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { stop } from "../../src/localnet/index.ts";
import { isInstalled, launcherVersion } from "../../src/toolchain/install.ts";
import { cliDir } from "../../src/toolchain/paths.ts";
import { makeJwk } from "../ao/wallets.ts";

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

export interface Ran {
  readonly code: number;
  /** stdout and stderr, unchanged. */
  readonly text: string;
}

/** A separate project in a temporary folder, for the real pulumi command. */
export interface Project {
  readonly dir: string;
  /** The folder of the state. */
  readonly backend: string;
  write(path: string, text: string): void;
  /** Replaces a string that must exist. */
  edit(path: string, from: string, to: string): void;
  pulumi(args: readonly string[], env?: Record<string, string>): Promise<Ran>;
  /** The same, still running. */
  start(args: readonly string[], env?: Record<string, string>): { child: ChildProcess; ended: Promise<Ran> };
  /** An idle preview and an idle up announce and do nothing: "", else what they printed instead. */
  idle(): Promise<string>;
  output<T>(name: string): Promise<T>;
  json<T>(path: string): T;
  text(path: string): string;
  close(): Promise<void>;
}

/** The files of one of the guide's processes, as a project declares them. */
export function processFiles(name: string): Record<string, string> {
  const folder = `processes/${name}`;
  const files = readdirSync(join(repository, folder));
  return Object.fromEntries(
    files.map((file) => [`${folder}/${file}`, readFileSync(join(repository, folder, file), "utf8")]),
  );
}

/** Without the CLI, npm's launcher would start to download it, in every test that runs it. */
function requirePulumi(): void {
  const version = launcherVersion();
  if (isInstalled(version)) return;
  throw new Error(`pulumi ${version} is not installed: ${cliDir(version)} has no CLI. Run: npm run setup`);
}

/** A program that uses the package as a dependency. `files` are written over the skeleton. */
export async function newProject(name: string, files: Record<string, string>): Promise<Project> {
  requirePulumi();
  const dir = mkdtempSync(join(tmpdir(), `fleet-${name}-`));
  mkdirSync(join(dir, "node_modules"));
  mkdirSync(join(dir, ".fleet"));
  symlinkSync(repository, join(dir, "node_modules", "ao-fleet"));
  for (const entry of ["@pulumi", ".bin"])
    symlinkSync(join(repository, "node_modules", entry), join(dir, "node_modules", entry));
  const pulumiYaml = readFileSync(join(repository, "Pulumi.yaml"), "utf8").replace(
    /^name: .*/m,
    `name: ${name}`,
  );
  const devYaml = devStack().replaceAll("ao-fleet:", `${name}:`);
  const skeleton = {
    "package.json": JSON.stringify({ name, type: "module", main: "index.ts" }),
    "Pulumi.yaml": pulumiYaml,
    "Pulumi.dev.yaml": devYaml,
    ".fleet/dev-wallet.json": JSON.stringify(await makeJwk()),
  };
  const project = projectIn(dir);
  for (const [path, text] of Object.entries({ ...skeleton, ...files })) project.write(path, text);
  chmodSync(join(dir, ".fleet/dev-wallet.json"), 0o600);
  const made = await project.pulumi(["stack", "init", "dev"]);
  if (made.code !== 0) throw new Error(made.text);
  return project;
}

/** The project itself, as a clone has it, with its own state. */
export async function cloneProject(): Promise<Project> {
  requirePulumi();
  const dir = mkdtempSync(join(tmpdir(), "fleet-clone-"));
  for (const entry of [
    "package.json",
    "index.ts",
    "tsconfig.json",
    "node_modules",
    "components",
    "providers",
    "src",
  ]) {
    symlinkSync(join(repository, entry), join(dir, entry));
  }
  const project = projectIn(dir);
  project.write("Pulumi.yaml", readFileSync(join(repository, "Pulumi.yaml"), "utf8"));
  project.write("Pulumi.dev.yaml", devStack());
  await copyFolder(join(repository, "processes"), join(dir, "processes"));
  project.write(".fleet/dev-wallet.json", JSON.stringify(await makeJwk()));
  chmodSync(join(dir, ".fleet/dev-wallet.json"), 0o600);
  const made = await project.pulumi(["stack", "init", "dev"]);
  if (made.code !== 0) throw new Error(made.text);
  return project;
}

/** The dev stack's settings as the set-up writes them in a clone. */
const devStack = (): string => readFileSync(join(repository, "src/toolchain/dev-stack.yaml"), "utf8");

async function copyFolder(from: string, to: string): Promise<void> {
  const { cp } = await import("node:fs/promises");
  await cp(from, to, { recursive: true });
}

/** The place of a project's commands, and their environment. */
export interface Commands {
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The repository's commands; a passphrase that is not secret. */
function commandsHere(backend: string): Commands {
  const bin = join(repository, "node_modules", ".bin");
  return {
    bin,
    env: {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      PULUMI_BACKEND_URL: backend,
      PULUMI_CONFIG_PASSPHRASE: "only a test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      NO_COLOR: "1",
    },
  };
}

/** The project in an existing folder. */
export function projectIn(
  dir: string,
  backend = `file://${dir}/.fleet`,
  { bin, env: environment }: Commands = commandsHere(backend),
): Project {
  const project: Project = {
    dir,
    backend,
    write(path, text) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    },
    edit(path, from, to) {
      const text = readFileSync(join(dir, path), "utf8");
      if (!text.includes(from)) throw new Error(`${path} has no ${JSON.stringify(from)}`);
      writeFileSync(join(dir, path), text.replace(from, to));
    },
    pulumi: (args, env) =>
      new Promise((done) => {
        const options = { cwd: dir, env: { ...environment, ...env }, maxBuffer: 64 * 1024 * 1024 };
        const child = execFile(join(bin, "pulumi"), args, options, (_error, stdout, stderr) => {
          done({ code: child.exitCode ?? 1, text: stdout + stderr });
        });
      }),
    start(args, env) {
      const child = spawn(join(bin, "pulumi"), args, {
        cwd: dir,
        env: { ...environment, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      child.stderr.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      const ended = new Promise<Ran>((done) => child.on("close", (code) => done({ code: code ?? 1, text })));
      return { child, ended };
    },
    async idle() {
      const preview = await project.pulumi(["preview", "--expect-no-changes"]);
      if (preview.code !== 0) return `preview: ${preview.text}`;
      const up = await project.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
      return up.code === 0 ? "" : `up: ${up.text}`;
    },
    async output(name) {
      const { text } = await project.pulumi(["stack", "output", name, "--json"]);
      return JSON.parse(text);
    },
    text: (path) => readFileSync(join(dir, path), "utf8"),
    json: (path) => JSON.parse(readFileSync(join(dir, path), "utf8")),
    async close() {
      await stop(join(dir, ".fleet/localnet"));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return project;
}
