import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Bundle, processFile, type SourceMap, watchBundle } from "../../src/bundler/index.ts";
import { bundleCommand } from "../../src/cli/commands/bundle.ts";
import type { FleetError } from "../../src/core/errors.ts";
import { project } from "./project.ts";

/** Runs the command as if it was typed in the project's folder. */
async function fleetBundle(root: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const printed = { stdout: "", stderr: "" };
  const streams = {
    stdout: { write: (text: string) => (printed.stdout += text) },
    stderr: { write: (text: string) => (printed.stderr += text) },
  };
  await bundleCommand(streams)
    .exitOverride()
    .parseAsync(["--root", root, ...args], { from: "user" });
  return printed;
}

const FILES = {
  "processes/battle/main.lua": 'require("rules")',
  "processes/battle/rules.lua": "return { 1 }",
};

describe("fleet bundle", () => {
  test("writes the text and the map, and reports sizes", async () => {
    const root = project(FILES);
    const out = join(root, "build", "x.lua");
    const { stdout } = await fleetBundle(root, "processes/battle", "--out", out, "--map", "--report");
    const map = JSON.parse(readFileSync(`${out}.map.json`, "utf8")) as SourceMap;
    expect(map).toMatchObject({ version: 1, name: "battle" });
    expect(stdout).toMatch(
      /x\.lua: [\d.]+ kB from 2 modules, sha256 [0-9a-f]{64}\n {2}processes\/battle\/main\.lua +17 B/,
    );
    expect(stdout).toContain(map.hash);
  });

  test("prints everything as one JSON document, warnings included", async () => {
    const root = project({ "main.lua": "require(X)" });
    const { stdout } = await fleetBundle(
      root,
      "main.lua",
      "--name",
      "p",
      "--json",
      "--out",
      join(root, "p.lua"),
    );
    expect(JSON.parse(stdout)).toMatchObject({
      success: true,
      name: "p",
      map: null,
      modules: [{ file: "main.lua", bytes: 11 }],
      warnings: [{ code: "LUA_REQUIRE_DYNAMIC", at: "main.lua:1:1" }],
    });
  });

  test("prints only the text to standard output", async () => {
    const { stdout, stderr } = await fleetBundle(project(FILES), "processes/battle/main.lua", "--out", "-");
    expect(stdout).toMatch(/^do local /);
    expect(stderr).toContain("battle: ");
  });

  test("accepts search roots, a prelude, externals, computed names, minify and a budget", async () => {
    const root = project({
      "p.lua": 'require("base") require("left.out") require("m." .. x) -- gone',
      "lib/base/init.lua": "return 1",
      "m/a.lua": "return 2",
    });
    const flags = [
      "--search",
      "lib",
      "--prelude",
      "lib/base/init.lua",
      "--external",
      "left.*",
      "--include",
      "m.a",
      "--minify",
    ];
    const { stdout } = await fleetBundle(root, "p.lua", ...flags, "--out", "-");
    expect(stdout).toContain('["m.a"] = "m/a.lua"');
    expect(stdout).toContain('{ "lib/base/init.lua", "p.lua" }');
    expect(stdout).not.toContain("-- gone");
    await expect(fleetBundle(root, "p.lua", ...flags, "--budget", "100", "--out", "-")).rejects.toMatchObject(
      { code: "BUNDLE_OVER_BUDGET" },
    );
    await expect(fleetBundle(root, "p.lua", "--budget", "much")).rejects.toMatchObject({
      code: "BUDGET_INVALID",
    });
  });

  test("reports every problem and writes nothing", async () => {
    const root = project({ "main.lua": 'require("gone")\nx = = 1' });
    const out = join(root, "out.lua");
    await expect(fleetBundle(root, "main.lua", "--out", out)).rejects.toMatchObject({ code: "LUA_SYNTAX" });
    expect(existsSync(out)).toBe(false);
  });

  test("names the file as people look for it", () => {
    expect(processFile("battle")).toBe(join("build", "battle-process.lua"));
  });
});

test("watching bundles again after a change, after a mistake and after it is fixed", async () => {
  const root = project({ "main.lua": "return 1" });
  const write = (text: string) => writeFileSync(join(root, "main.lua"), text);
  const outcomes: string[] = [];
  const ended = new AbortController();
  // Each outcome triggers the next change, so nothing waits by the clock.
  const changes = ["x = = 1", 'return require("part")', ""];
  const next = (outcome: string) => {
    outcomes.push(outcome);
    const change = changes.shift();
    if (outcomes.length === 2) writeFileSync(join(root, "part.lua"), "return 2");
    if (change) write(change);
    else ended.abort();
  };
  await watchBundle(
    { name: "p", entry: "main.lua", root },
    {
      made: ({ modules }: Bundle) => next(modules.map(({ file }) => file).join(" ")),
      failed: ({ code }: FleetError) => next(code),
    },
    ended.signal,
  );
  expect(outcomes).toEqual(["main.lua", "LUA_SYNTAX", "main.lua part.lua"]);
});
