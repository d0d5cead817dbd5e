import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allProcesses, argumentsOf, folderOf, isAlive, kill, programOf } from "../../src/core/processes.ts";
import { recover } from "../../src/operations/recover/index.ts";
import { type Workspace, workspaceOf } from "../../src/operations/workspace/workspace.ts";
import { until } from "../contract/client.ts";
import { newProject, type Project } from "./project.ts";
import { twoProcesses } from "./two-processes.ts";

/** What a killed run of the real pulumi leaves, and the next `fleet deploy` repairs. */

let project: Project;
let workspace: Workspace;
beforeAll(async () => {
  project = await newProject("killed", twoProcesses);
  workspace = workspaceOf(project.dir, {
    ...process.env,
    PULUMI_BACKEND_URL: project.backend,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
  });
});
afterAll(() => project.close());

async function recovered(): Promise<string[]> {
  const lines: string[] = [];
  expect(await recover(workspace, "killed", "dev", (line) => lines.push(line))).toEqual({ kind: "free" });
  return lines;
}

const inProject = () => allProcesses().filter((pid) => folderOf(pid) === project.dir);

test("the provider of a preview that was killed before its code was loaded is found and ended", async () => {
  // A provider looks for its engine only once its code is loaded: this one never gets that far.
  const isProvider = 'process.argv[1]?.includes("dynamic-provider")';
  project.write(
    "hold.mjs",
    `while (${isProvider}) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);\n`,
  );
  const preload = { NODE_OPTIONS: `--import ${pathToFileURL(join(project.dir, "hold.mjs"))}` };
  const { ended } = project.start(["preview", "--stack", "dev", "--non-interactive"], preload);
  const provider = await until("the provider", async () =>
    inProject().find((pid) => argumentsOf(pid)?.[1]?.includes("dynamic-provider")),
  );
  for (const pid of inProject()) if (programOf(pid) === "pulumi") kill(pid);
  await ended;
  // A preview holds no lock.
  expect(await recovered()).toContain(`recovery: stopped the provider of a killed run (pid ${provider})`);
  expect(isAlive(provider)).toBe(false);
});

describe("fleet deploy reports which process of pulumi was killed in a step, and how it continues", () => {
  const program = fileURLToPath(new URL("../../src/cli/fleet.mjs", import.meta.url));

  /** Runs it until its provider works on a step, then kills one of the two. */
  async function deployKilling(which: "pulumi" | "provider"): Promise<{ code: number | null; text: string }> {
    const held = join(project.dir, `held-${which}`);
    // The provider's first request to the network gets no answer.
    project.write(
      "mute.mjs",
      `import { writeFileSync } from "node:fs";
if (process.argv[1]?.includes("dynamic-provider"))
  globalThis.fetch = () => (writeFileSync(${JSON.stringify(held)}, String(process.pid)), new Promise(() => setInterval(() => {}, 1000)));
`,
    );
    const env = {
      ...workspace.env,
      NODE_OPTIONS: `--import ${pathToFileURL(join(project.dir, "mute.mjs"))}`,
    };
    const child = spawn(process.execPath, [program, "deploy", "--yes"], { cwd: project.dir, env });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (text += part));
    const ended = new Promise<number | null>((done) => child.on("close", done));
    const provider = await until("a step of the provider", async () =>
      existsSync(held) ? Number(readFileSync(held, "utf8")) || undefined : undefined,
    );
    const pids = which === "provider" ? [provider] : inProject().filter((pid) => programOf(pid) === "pulumi");
    for (const pid of pids) kill(pid);
    return { code: await ended, text };
  }

  test.each([
    ["pulumi", "Pulumi was killed by SIGKILL before its run finished. [ENGINE_KILLED]"],
    ["provider", "The provider process ended in the middle of this step. [PROVIDER_ENDED]"],
  ] as const)("%s", async (which, words) => {
    const { code, text } = await deployKilling(which);
    expect(code).toBe(1);
    expect(text).toContain(words);
    expect(text).toMatch(/next: +npx fleet deploy: it continues where this run stopped\n/);
    expect(text).not.toContain("[ENGINE]");
    expect(text).not.toContain("fix it");
  });
});

test("a torn lock of the stack and one of its journal are named in a line each, and the next command works", async () => {
  const locks = join(project.dir, ".fleet/.pulumi/locks/organization/killed/dev");
  mkdirSync(locks, { recursive: true });
  const stackLock = join(locks, "torn.json");
  writeFileSync(stackLock, '{"pid":4');
  const journalLock = join(project.dir, ".fleet/journal/killed.dev.jsonl.lock");
  mkdirSync(join(project.dir, ".fleet/journal"), { recursive: true });
  writeFileSync(journalLock, "");
  expect(await recovered()).toEqual([
    `recovery: removed the truncated lock ${journalLock}, which nobody holds`,
    `recovery: removed the truncated lock ${stackLock} (8 bytes); no pulumi works on this stack`,
  ]);
  expect(readdirSync(locks)).toEqual([]);
  const refreshed = await project.pulumi(["refresh", "--yes", "--stack", "dev"]);
  expect(refreshed).toMatchObject({ code: 0 });
  expect(await recovered()).toEqual([]);
});

test("what the killed runs began is completed by the next run, after which nothing is left to do", async () => {
  expect(await project.pulumi(["up", "--yes", "--skip-preview", "--stack", "dev"])).toMatchObject({
    code: 0,
  });
  expect(await project.idle()).toBe("");
}, 180_000);
