import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  commandFolders,
  ensurePackages,
  missingDependencies,
  NODE_HASHES,
  nodeProblem,
  packageFolder,
  pinnedNode,
} from "../../src/toolchain/packages.mjs";
import { packageDir } from "../../src/toolchain/paths.ts";
import { run } from "../../src/toolchain/run.ts";
import { type Sandbox, sandbox } from "./sandbox.ts";

function install(box: Sandbox, ...places: string[]): void {
  for (const place of places) {
    const isCommand = /\.bin\/[^/]+$/.test(place);
    const file = box.file(isCommand ? place : join(place, "package.json"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "{}");
  }
}

describe("packages are found as Node finds them", () => {
  test.each([
    ["next to the package", "own/node_modules/ao-fleet/dist", "own/node_modules"],
    ["inside it", "own/node_modules/ao-fleet/dist", "own/node_modules/ao-fleet/node_modules"],
    ["at the root of a workspace", "work/packages/own/node_modules/ao-fleet/dist", "work/node_modules"],
    [
      "in pnpm's store",
      "own/node_modules/.pnpm/ao-fleet@1/node_modules/ao-fleet/dist",
      "own/node_modules/.pnpm/ao-fleet@1/node_modules",
    ],
    ["in a path with spaces", "mein Projekt ü/node_modules/ao-fleet/dist", "mein Projekt ü/node_modules"],
  ])("%s", (_name, from, modules) => {
    const box = sandbox();
    install(box, join(modules, "node"), join(modules, "@pulumi/pulumi"), join(modules, ".bin/pulumi"));
    const here = box.file(from);
    expect(packageFolder(here, "node")).toBe(box.file(join(modules, "node")));
    expect(packageFolder(here, "@pulumi/pulumi")).toBe(box.file(join(modules, "@pulumi/pulumi")));
    expect(pinnedNode(here)).toBe(box.file(join(modules, "node/bin/node")));
    expect(commandFolders(here, ["node", "pulumi"])).toEqual([box.file(join(modules, ".bin"))]);
    expect(missingDependencies(here, { node: "1", zod: "1", yaml: "1" })).toBe("not installed: zod, yaml");
    expect(missingDependencies(here, { node: "1" })).toBeUndefined();
  });

  test("the nearest one is used, and commands may be in several folders", () => {
    const box = sandbox();
    install(box, "node_modules/node", "node_modules/ao-fleet/node_modules/node");
    install(box, "node_modules/.bin/pulumi", "node_modules/ao-fleet/node_modules/.bin/node");
    const here = box.file("node_modules/ao-fleet/dist");
    expect(packageFolder(here, "node")).toBe(box.file("node_modules/ao-fleet/node_modules/node"));
    expect(commandFolders(here, ["node", "pulumi"])).toEqual([
      box.file("node_modules/ao-fleet/node_modules/.bin"),
      box.file("node_modules/.bin"),
    ]);
  });
});

describe("the pinned Node", () => {
  test("is known for the version that package.json names, and this one is it", () => {
    const { dependencies } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8"));
    expect(NODE_HASHES.version).toBe(dependencies.node);
    expect(nodeProblem(packageDir)).toBeUndefined();
    const platform = `${process.platform}-${process.arch}`;
    const other = { ...NODE_HASHES, [platform]: "0".repeat(64) };
    expect(nodeProblem(packageDir, other)).toBe(
      `${pinnedNode(packageDir)} has sha256 ${NODE_HASHES[platform]}, not ${"0".repeat(64)}`,
    );
  });

  test("is removed after an installation that brought another one, before it runs", async () => {
    const box = sandbox();
    const { version } = NODE_HASHES;
    const lock = { packages: { "": {}, "node_modules/node": { version } } };
    writeFileSync(box.file("package.json"), "{}");
    writeFileSync(box.file("package-lock.json"), JSON.stringify(lock));
    // As npm: it installs, and the install script leaves a program.
    const npm = `const { mkdirSync, writeFileSync } = require("node:fs");
mkdirSync("node_modules/node/bin", { recursive: true });
writeFileSync("node_modules/.package-lock.json", ${JSON.stringify(JSON.stringify(lock))});
writeFileSync("node_modules/node/package.json", ${JSON.stringify(JSON.stringify({ version }))});
writeFileSync("node_modules/node/bin/node", "#!/bin/sh\\ntouch ran", { mode: 0o755 });`;
    writeFileSync(box.file("npm-cli.js"), npm);
    vi.stubEnv("npm_execpath", box.file("npm-cli.js"));
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(ensurePackages(box.dir, box.log)).rejects.toThrow(
      /node\/bin\/node has sha256 [0-9a-f]{64}, not [0-9a-f]{64}; it was removed and did not run/,
    );
    expect(existsSync(box.file("node_modules/node/bin/node"))).toBe(false);
    expect(existsSync(box.file("ran"))).toBe(false);
  });
});

describe("the command", () => {
  /** A copy of what starts it, with hoisted packages that are links to the real ones. */
  function hoisted(names: string[]): Sandbox {
    const box = sandbox();
    const files = ["src/cli/fleet.mjs", "src/toolchain/packages.mjs", "src/toolchain/lock.mjs"];
    for (const file of files) {
      const to = box.file(join("node_modules/ao-fleet/dist", file));
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, readFileSync(join(packageDir, file)));
    }
    const main = "export const main = async (words) => (console.log(process.version, ...words), 7);";
    writeFileSync(box.file("node_modules/ao-fleet/dist/src/cli/main.js"), main);
    writeFileSync(box.file("node_modules/ao-fleet/package.json"), '{"type":"module"}');
    for (const name of names) {
      symlinkSync(join(packageDir, "node_modules", name), box.file(join("node_modules", name)));
    }
    mkdirSync(box.file("node_modules/.bin"));
    symlinkSync("../ao-fleet/dist/src/cli/fleet.mjs", box.file("node_modules/.bin/fleet"));
    return box;
  }

  test("runs on the pinned Node from hoisted packages, whatever Node is first on the PATH", async () => {
    const box = hoisted(["commander", "pulumi", "zod", "node"]);
    const others = (process.env.PATH ?? "")
      .split(delimiter)
      .filter((folder) => !folder.includes("node_modules"));
    const ran = await run("node", [box.file("node_modules/.bin/fleet"), "status", "a b"], {
      cwd: box.dir,
      env: { ...process.env, PATH: others.join(delimiter) },
    });
    expect(ran).toMatchObject({ code: 7, output: expect.stringMatching(/^v22\.\d+\.\d+ status a b$/) });
  });

  test("names what is not installed", async () => {
    const box = hoisted(["commander", "node"]);
    const ran = await run(process.execPath, [box.file("node_modules/.bin/fleet")], { cwd: box.dir });
    expect(ran.code).toBe(1);
    expect(ran.output).toMatch(/PACKAGES_MISSING[\s\S]*not installed: pulumi, zod[\s\S]*npm install/);
  });
});
