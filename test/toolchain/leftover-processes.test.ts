import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { isAlive } from "../../src/core/processes.ts";
import { leftoverProcesses } from "../../src/toolchain/check.ts";
import { packageDir } from "../../src/toolchain/paths.ts";

let folder: string;
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One test with that body, run by the real vitest with the suite's own set-up. */
async function suiteOf(body: string) {
  mkdirSync(join(packageDir, "build"), { recursive: true });
  folder = mkdtempSync(join(packageDir, "build", "left-"));
  const setup = (name: string) => JSON.stringify(join(packageDir, "test/setup", name));
  const config = `export default { test: { pool: "forks", globalSetup: [${setup("processes.ts")}], setupFiles: [${setup("file.ts")}] } };`;
  writeFileSync(join(folder, "vitest.config.mjs"), config);
  writeFileSync(
    join(folder, "one.test.mjs"),
    `import { spawn } from "node:child_process";\nimport { test } from "vitest";\ntest("one", async () => {\n${body}\n});\n`,
  );
  const report = join(folder, "left.json");
  const env = { ...process.env, FLEET_LEFT_PROCESSES: report };
  const args = [join(packageDir, "node_modules/vitest/vitest.mjs"), "run", "--root", folder];
  const ran = await new Promise<{ code: number; text: string }>((done) => {
    const child = execFile(process.execPath, args, { cwd: folder, env }, (_error, stdout, stderr) =>
      done({ code: child.exitCode ?? 1, text: stdout + stderr }),
    );
  });
  return { ...ran, left: existsSync(report) ? leftoverProcesses(readFileSync(report, "utf8")) : undefined };
}

test("a detached process that outlives the tests fails the run, is named with its file and ended", async () => {
  const { code, text, left } = await suiteOf(
    'spawn("sh", ["-c", "sleep 300"], { detached: true, stdio: "ignore" }).unref();',
  );
  expect(text).toContain("1 passed");
  expect(code).toBe(1);
  expect(left).not.toHaveLength(0);
  for (const { pid, file, command } of left ?? []) {
    expect(text).toContain(`${pid}  one.test.mjs  ${command}`);
    expect(file).toBe("one.test.mjs");
    expect(isAlive(pid)).toBe(false);
  }
});

test("a process that the test itself ended fails nothing", async () => {
  const { code, left } =
    await suiteOf(`const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
    child.kill();
    await new Promise((ended) => child.once("exit", ended));`);
  expect({ code, left }).toEqual({ code: 0, left: [] });
});
