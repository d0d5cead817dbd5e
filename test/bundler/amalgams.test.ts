import { describe, expect, test } from "vitest";
import { problemsOf } from "../kit/failure.ts";
import { evaluate } from "./aos.ts";
import { bundled } from "./project.ts";

/** Programs that already are a bundle: another tool's output, deployed as it is. */

async function run(files: Record<string, string>): Promise<{ R: string; files: string[] }> {
  const { text, modules } = await bundled(files);
  return { R: await evaluate(`${text}\nreturn tostring(R)`), files: modules.map(({ file }) => file) };
}

describe("a module that the program puts into `package` itself is not missing", () => {
  test("as a function in package.preload, with its own requires", async () => {
    const text = [
      'package.loaded["unit"] = nil',
      "do",
      "local _ENV = _ENV",
      'package.preload[ "unit" ] = function( ... ) local arg = _G.arg;',
      'return { power = require("unit.power") }',
      "end",
      "end",
      'package.preload["unit.power"] = function() return 7 end',
      'R = require "unit".power',
    ].join("\n");
    expect(await run({ "main.lua": text })).toEqual({ R: "7", files: ["main.lua"] });
  });

  test("as a value in package.loaded, under _G, by a field and by a computed name", async () => {
    const text = [
      "local function load_unit() return 4 end",
      '_G.package.loaded["src.unit"] = load_unit()',
      "package.loaded.other = 5",
      'local name = "third"',
      "package.loaded[name] = 6",
      'R = require("src.unit") .. require("other") .. require("third")',
    ].join("\n");
    expect(await run({ "main.lua": text })).toEqual({ R: "456", files: ["main.lua"] });
  });

  test("and takes precedence over a file of its name, as in Lua; before it is set the file is used", async () => {
    const after = 'package.loaded["unit"] = "own"\nR = require("unit")';
    expect(await run({ "main.lua": after, "unit.lua": 'return "file"' })).toEqual({
      R: "own",
      files: ["main.lua"],
    });
    const wrapped = 'package.loaded["unit"] = require("unit") .. " wrapped"\nR = require("unit")';
    expect(await run({ "main.lua": wrapped, "unit.lua": 'return "file"' })).toEqual({
      R: "file wrapped",
      files: ["main.lua", "unit.lua"],
    });
  });

  test("for the program's other files too", async () => {
    const files = {
      "main.lua": 'require("setup")\nR = require("user")',
      "setup.lua": 'package.preload["vendored"] = function() return 9 end',
      "user.lua": 'return require("vendored")',
    };
    expect(await run(files)).toEqual({ R: "9", files: ["main.lua", "setup.lua", "user.lua"] });
  });

  test("but removing a module provides none", async () => {
    const made = bundled({ "main.lua": 'package.loaded["unit"] = nil\nrequire("unit")' });
    expect((await problemsOf(made)).map(({ code, at }) => `${code} ${at}`)).toEqual([
      "LUA_MODULE_MISSING main.lua:2:1",
    ]);
  });
});
