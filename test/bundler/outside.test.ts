import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type BundleOptions, bundle } from "../../src/bundler/index.ts";
import { FleetError } from "../../src/core/errors.ts";
import { writeFiles } from "../kit/folder.ts";
import { project } from "./project.ts";

/** A project, and a file next to it that does not belong to it. */
function projectWithNeighbour(files: Record<string, string>): { root: string; outer: string } {
  const outer = project({ "secret.lua": 'return "secret"', "other/part.lua": 'return "other"' });
  const root = join(outer, "project");
  writeFiles(files, root);
  return { root, outer };
}

async function codes(root: string, options: Partial<BundleOptions> = {}): Promise<string[]> {
  try {
    const made = await bundle({ name: "test", entry: "main.lua", root, ...options });
    return made.modules.map(({ file }) => file);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return error.problems.map(({ code, at, got }) => `${code} ${at} ${got ?? ""}`.trim());
  }
}

describe("no name reads a file outside the project", () => {
  test.each(["../secret", "./../secret", "a/../../secret", "../../project/../secret"])("%s", async (name) => {
    const { root } = projectWithNeighbour({ "main.lua": `require("${name}")` });
    const [problem] = await codes(root);
    expect(problem).toMatch(/^LUA_MODULE_OUTSIDE main\.lua:1:1 \.\.\//);
  });

  test("the error names the module, where it leads and what to do", async () => {
    const { root } = projectWithNeighbour({ "main.lua": 'require("../secret")' });
    await expect(bundle({ name: "test", entry: "main.lua", root })).rejects.toMatchObject({
      problems: [
        {
          code: "LUA_MODULE_OUTSIDE",
          what: 'main.lua requires "../secret", which is outside the project.',
          got: "../secret.lua",
          remedy: expect.stringContaining("`search`"),
        },
      ],
    });
  });

  test("an absolute path is not used: `/x`, and `..x.y`, which became `/x/y`", async () => {
    const { root, outer } = projectWithNeighbour({});
    const path = join(outer, "secret").slice(1);
    for (const name of [`/${path}`, `..${path.replaceAll("/", ".")}`]) {
      writeFileSync(join(root, "..", "project.lua"), "");
      mkdirSync(root, { recursive: true });
      writeFileSync(join(root, "main.lua"), `require(${JSON.stringify(name)})`);
      const [problem, ...more] = await codes(root);
      expect(problem).toMatch(/^LUA_MODULE_MISSING main\.lua:1:1/);
      expect(more).toEqual([]);
    }
  });

  test("as in aos' .load, ..x.y, /x/y and ../x/y are the project's x/y.lua", async () => {
    for (const name of ["..x.y", "/x/y", "../x/y"]) {
      const { root } = projectWithNeighbour({ "main.lua": `require("${name}")`, "x/y.lua": "return 1" });
      expect(await codes(root)).toEqual(["main.lua", "x/y.lua"]);
    }
  });

  test("symbolic links do not lead outside, to a file or through a folder", async () => {
    const { root, outer } = projectWithNeighbour({ "main.lua": 'require("linked")\nrequire("there.part")' });
    symlinkSync(join(outer, "secret.lua"), join(root, "linked.lua"));
    symlinkSync(join(outer, "other"), join(root, "there"));
    expect(await codes(root)).toEqual([
      "LUA_MODULE_OUTSIDE main.lua:1:1 linked.lua",
      "LUA_MODULE_OUTSIDE main.lua:2:1 there/part.lua",
    ]);
    // A folder that the declaration names belongs to the project, links to it included.
    writeFileSync(join(root, "main.lua"), 'require("there.part")');
    expect(await codes(root, { search: ["../other"] })).toEqual(["main.lua", "there/part.lua"]);
  });

  test("links inside the project, a linked project and linked packages are followed", async () => {
    const { root, outer } = projectWithNeighbour({
      "main.lua": 'require("here")\nrequire("tool.part")',
      "lib/real.lua": "return 1",
    });
    symlinkSync(join(root, "lib/real.lua"), join(root, "here.lua"));
    mkdirSync(join(root, "node_modules"));
    mkdirSync(join(outer, "tool"));
    writeFileSync(join(outer, "tool/part.lua"), 'return require("deep")');
    writeFileSync(join(outer, "tool/deep.lua"), "return 2");
    symlinkSync(join(outer, "tool"), join(root, "node_modules/tool"));
    symlinkSync(root, join(outer, "again"));
    const files = ["here.lua", "main.lua", "node_modules/tool/deep.lua", "node_modules/tool/part.lua"];
    expect(await codes(root)).toEqual(files);
    expect(await codes(join(outer, "again"))).toEqual(files);
  });

  test("a package does not reach outside either: by a name, or by its package.json", async () => {
    const { root } = projectWithNeighbour({
      "main.lua": 'require("tool/../../../secret")\nrequire("evil")\nrequire("tool.up")',
      "node_modules/tool/up.lua": 'require("../../../secret")',
      "node_modules/evil/package.json": '{ "lua": "../../../secret.lua" }',
    });
    expect((await codes(root)).map((problem) => problem.split(" ").slice(0, 2).join(" "))).toEqual([
      "LUA_MODULE_OUTSIDE main.lua:1:1",
      "LUA_MODULE_MISSING main.lua:2:1",
      "LUA_MODULE_OUTSIDE node_modules/tool/up.lua:1:1",
    ]);
  });

  test("included and computed names stay inside, and nothing is read under pcall", async () => {
    const { root } = projectWithNeighbour({
      "main.lua": 'local up = "../"\nrequire(up .. "secret")\npcall(require, "../secret")',
    });
    expect(await codes(root, { include: ["../secret"] })).toEqual([
      "LUA_MODULE_OUTSIDE main.lua:2:1 ../secret.lua",
      "LUA_MODULE_OUTSIDE include ../secret.lua",
    ]);
  });
});

test("a program deep in a project finds its modules from any folder above it", async () => {
  const { root } = projectWithNeighbour({
    "contracts/token/src/contracts/main.lua": 'require("src.handlers.mint")\nrequire("json")',
    "contracts/token/src/handlers/mint.lua": 'return require("src.libs.math")',
    "contracts/token/src/libs/math.lua": "return 1",
    // A folder above does not take names of aos.
    "contracts/json.lua": "return 1",
  });
  expect(await codes(root, { entry: "contracts/token/src/contracts/main.lua" })).toEqual([
    "contracts/token/src/contracts/main.lua",
    "contracts/token/src/handlers/mint.lua",
    "contracts/token/src/libs/math.lua",
  ]);
});
