import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { countTests, verdict } from "../../src/toolchain/check.ts";
import { launcherVersion } from "../../src/toolchain/install.ts";
import { packagesProblem } from "../../src/toolchain/packages.mjs";
import { cliDir, packageDir } from "../../src/toolchain/paths.ts";
import { start, summary } from "../../src/toolchain/start.ts";
import { fakeCli, type Sandbox, sandbox, script } from "./sandbox.ts";

describe("npm test's closing line", () => {
  const clean = { passed: 3, failed: 0, skipped: 0 };
  test.each([
    [clean, [], 0, "3 passed, 0 failed", true],
    [{ ...clean, failed: 2 }, [], 1, "3 passed, 2 failed", false],
    [clean, ["biome", "types"], 0, "3 passed, 2 failed", false],
    [clean, [], 1, "3 passed, 1 failed", false],
    [{ ...clean, passed: 0 }, [], 0, "0 passed, 1 failed", false],
    [{ ...clean, skipped: 1 }, [], 0, "3 passed, 0 failed, 1 skipped", true],
  ])("%j with failed gates %j and code %i: %s", (tests, gates, code, line, ok) => {
    expect(verdict(tests, gates, code)).toEqual({ line, ok });
  });

  test("counts each process that a test left running as a failure, even with failed tests", () => {
    expect(verdict(clean, [], 1, 2)).toEqual({ line: "3 passed, 2 failed", ok: false });
    expect(verdict({ ...clean, failed: 1 }, [], 1, 1).line).toBe("3 passed, 2 failed");
  });

  test("counts a test file that does not load as a failure", () => {
    const report = {
      numPassedTests: 4,
      numFailedTests: 1,
      numPendingTests: 1,
      testResults: [
        { status: "passed", assertionResults: [{}, {}, {}, {}] },
        { status: "failed", assertionResults: [{}, {}] },
        { status: "failed", assertionResults: [] },
      ],
    };
    expect(countTests(JSON.stringify(report))).toEqual({ passed: 4, failed: 2, skipped: 1 });
  });
});

describe("npm start's summary", () => {
  test("names every process, its id, its health, and where to look next", () => {
    const text = summary(
      JSON.stringify({
        processes: {
          battle: { processId: "b".repeat(43), health: "HEALTHY", version: "1.0.0" },
          "deployment-coordinator": { processId: "d".repeat(43), health: "UNHEALTHY", version: "1.0.0" },
        },
        manifest: "build/deployment-manifest.json",
        deploymentId: "passed over",
      }),
    );
    expect(text).toContain(`battle                  ${"b".repeat(43)}  1.0.0    HEALTHY`);
    // UNHEALTHY contains HEALTHY, and must not count as such.
    expect(text).toContain("1 of 2 processes are healthy.");
    expect(text).toContain("Manifest: build/deployment-manifest.json");
    expect(text).toContain("npx fleet status");
  });

  test.each(["{}", '{"processes":{}}', '{"processes":{"battle":{"processId":5}}}'])("accepts %s", (json) => {
    expect(summary(json)).toContain("Next steps");
  });
});

test("npm start fails with pulumi's code and words if the stack's outputs cannot be read", async () => {
  const box = sandbox();
  for (const [name, value] of Object.entries(box.env)) if (name !== "PATH") vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const cli = cliDir(launcherVersion(), box.env);
  fakeCli(cli, launcherVersion());
  script(join(cli, "bin", "pulumi"), '[ "$2" = output ] && echo "error: no outputs" >&2 && exit 3; exit 0');
  writeFileSync(box.file("Pulumi.yaml"), "name: tried\nbackend: { url: file://./state }\n");
  mkdirSync(box.file("state/.pulumi/stacks/tried"), { recursive: true });
  writeFileSync(box.file("state/.pulumi/stacks/tried/dev.json"), "{}");
  expect(await start(box.dir, [], box.log)).toBe(3);
  expect(box.lines).toEqual([
    "error: no outputs",
    expect.stringContaining("The stack is up, but `pulumi stack output` failed."),
  ]);
});

describe("the packages", () => {
  function project(change: (files: Record<string, unknown>) => void = () => {}): Sandbox {
    const box = sandbox();
    const lock = {
      "": { dependencies: { zod: "4.0.0" } },
      "node_modules/zod": { version: "4.0.0" },
      "node_modules/other-platform": { version: "1.0.0", optional: true },
    };
    const files: Record<string, unknown> = {
      "package.json": { dependencies: { zod: "4.0.0" } },
      "package-lock.json": { packages: lock },
      "node_modules/.package-lock.json": { packages: { "node_modules/zod": { version: "4.0.0" } } },
      "node_modules/node/bin/node": "a program",
    };
    change(files);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(box.file(name)), { recursive: true });
      writeFileSync(box.file(name), JSON.stringify(content));
    }
    return box;
  }
  const hidden = "node_modules/.package-lock.json";

  test("need nothing if they match the lock file", () => {
    expect(packagesProblem(project().dir)).toBeUndefined();
  });

  test.each<[string, (files: Record<string, unknown>) => void]>([
    ["node_modules is missing", (files) => delete files[hidden]],
    ["package-lock.json is missing", (files) => delete files["package-lock.json"]],
    [
      "package-lock.json does not contain yaml@2.0.0",
      (files) => Object.assign(files, { "package.json": { devDependencies: { yaml: "2.0.0" } } }),
    ],
    [
      "zod is 3.0.0, not 4.0.0",
      (files) =>
        Object.assign(files, { [hidden]: { packages: { "node_modules/zod": { version: "3.0.0" } } } }),
    ],
    ["zod is missing, not 4.0.0", (files) => Object.assign(files, { [hidden]: { packages: {} } })],
  ])("need an install: %s", (problem, change) => {
    expect(packagesProblem(project(change).dir)).toBe(problem);
  });

  test("are not complete without the pinned Node", () => {
    const box = project();
    rmSync(box.file("node_modules/node/bin/node"));
    expect(packagesProblem(box.dir)).toBe("the pinned Node is missing from node_modules/node");
  });
});

test("an unknown verb is refused with the existing ones", () => {
  const main = join(packageDir, "src", "toolchain", "main.ts");
  const { status, stderr } = spawnSync(process.execPath, [main, "deploy"], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/VERB_UNKNOWN[\s\S]*setup, start, test, fleet/);
});
