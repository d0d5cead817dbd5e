import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allProcesses, argumentsOf, folderOf, isAlive, kill, programOf } from "../../src/core/processes.ts";
import { recover } from "../../src/operations/recover/index.ts";
import { type Workspace, workspaceOf } from "../../src/operations/workspace/workspace.ts";
import { until } from "../contract/client.ts";
import { newProject, type Project } from "./project.ts";
import { twoProcesses } from "./two.ts";

/** What a killed run of the real pulumi leaves, and the next `fleet deploy` puts right. */

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
  // Until its code is loaded it cannot look for its engine: this one never comes so far.
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
  // A preview holds no lock at all.
  expect(await recovered()).toContain(`recovery: a provider of a killed run (pid ${provider}) has ended`);
  expect(isAlive(provider)).toBe(false);
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
    `recovery: the lock ${journalLock} is cut, and nobody holds it: removed`,
    `recovery: the lock ${stackLock} is cut (8 bytes), and no pulumi works on this stack: removed`,
  ]);
  expect(readdirSync(locks)).toEqual([]);
  const refreshed = await project.pulumi(["refresh", "--yes", "--stack", "dev"]);
  expect(refreshed).toMatchObject({ code: 0 });
  expect(await recovered()).toEqual([]);
});
