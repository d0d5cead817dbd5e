/** A machine for one test: an empty home and a PATH with only the programs that the test puts there. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { cliDir, type Env } from "../../src/toolchain/paths.ts";

export interface Sandbox {
  readonly dir: string;
  /** HOME, PULUMI_HOME and PATH inside the sandbox, and nothing else. */
  readonly env: Env & { readonly PATH: string; readonly PULUMI_HOME: string };
  readonly versions: string;
  readonly lines: string[];
  readonly log: (line: string) => void;
  /** Puts a shell script on the PATH. */
  program(name: string, body: string): void;
  file(name: string): string;
}

/** The basic tools that fake programs need. */
const TOOLS = ["sh", "cat", "mkdir", "chmod", "sleep", "touch", "dirname", "rm"];

export function sandbox(): Sandbox {
  const dir = mkdtempSync(join(tmpdir(), "toolchain-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }));
  const bin = join(dir, "path");
  mkdirSync(bin);
  for (const tool of TOOLS) {
    const found = ["/bin", "/usr/bin"].map((place) => join(place, tool)).find(existsSync);
    if (found) symlinkSync(found, join(bin, tool));
  }
  const lines: string[] = [];
  return {
    dir,
    env: { HOME: dir, PULUMI_HOME: join(dir, "pulumi"), PATH: bin },
    versions: join(dir, "pulumi", "versions"),
    lines,
    log: (line) => void lines.push(line),
    program: (name, body) => script(join(bin, name), body),
    file: (name) => join(dir, name),
  };
}

export function script(file: string, body: string): void {
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

/** What a working way leaves in its folder: a CLI that prints its version, and a language host. */
export function fakeCli(folder: string, version: string): void {
  mkdirSync(join(folder, "bin"), { recursive: true });
  script(join(folder, "bin", "pulumi"), `echo v${version}`);
  script(join(folder, "bin", "pulumi-language-nodejs"), "exit 0");
}

/** A Go compiler whose `build` writes a CLI of version 1.2.3 to the path after -o; `before` runs first. */
export function fakeGo(version: string, before = ""): string {
  return `
if [ "$1" = env ]; then echo ${version}; exit 0; fi
${before}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v1.2.3\\n' > "$2"
chmod 755 "$2"`;
}

/** Visible names in the versions folder, except the lock. */
export function left(box: Sandbox): string[] {
  return existsSync(box.versions) ? readdirSync(box.versions).filter((name) => !name.endsWith(".lock")) : [];
}

export function installed(box: Sandbox, version: string): boolean {
  return existsSync(join(cliDir(version, box.env), "bin", "pulumi"));
}

/** Runs a piece of a module in a process of its own, with the sandbox's environment. */
export function node(box: Sandbox, source: string): ChildProcess & { ended: Promise<string> } {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
    env: box.env as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (data) => {
    output += String(data);
  });
  child.stderr.on("data", (data) => {
    output += String(data);
  });
  const ended = new Promise<string>((resolve) => child.on("close", () => resolve(output)));
  onTestFinished(() => void child.kill("SIGKILL"));
  return Object.assign(child, { ended });
}

/** Polls until the condition is true. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
