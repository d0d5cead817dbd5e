import { describe, expect, test } from "vitest";
import { explainLuaError, formatLuaError } from "../../src/bundler/index.ts";
import { aos, IMAGES } from "./aos.ts";
import { bundled } from "./project.ts";

const GUARD = "local epoch = 1\nif epoch > 2 then return end\n";
const OFFSET = 2;

describe("an error is shown at the user's own line", () => {
  test.each(IMAGES)("while loading, in %s", async (image) => {
    const { text, map } = await bundled({
      "main.lua": "-- first\n\nlocal a = require('lib.a')\n",
      "lib/a.lua": "local t = {}\n\n\tlocal x = t.missing.field\nreturn x",
    });
    const [result] = await aos([{ eval: `${GUARD}${text}\nreturn 1` }], image);
    expect(explainLuaError(result?.error ?? "", map, OFFSET)).toEqual({
      message: "attempt to index a nil value (field 'missing')",
      file: "lib/a.lua",
      line: 3,
      column: 14,
      source: "\tlocal x = t.missing.field",
    });
  });

  test.each(IMAGES)("in a handler, in %s", async (image) => {
    const { text, map } = await bundled({
      "main.lua": 'require("b")',
      "b.lua":
        'Handlers.add("boom", function(m) return m.Action == "Boom" end, function(m)\n  print("working")\n  undefined_function(m)\nend)',
    });
    const [, result] = await aos([{ eval: `${GUARD}${text}` }, { action: "Boom" }], image);
    const explained = explainLuaError(result?.error ?? result?.output ?? "", map, OFFSET);
    expect(explained).toEqual({
      message: "attempt to call a nil value (global 'undefined_function')",
      file: "b.lua",
      line: 3,
      column: 3,
      source: "  undefined_function(m)",
    });
    expect(formatLuaError(explained)).toBe(
      "b.lua:3:3: attempt to call a nil value (global 'undefined_function')\n  3 |   undefined_function(m)\n        ^",
    );
  });

  test("if it was caught and raised again", async () => {
    const { text, map } = await bundled({
      "main.lua": "local ok, why = pcall(require, 'a')\nerror(why)",
      "a.lua": "\n\nerror('deep')",
    });
    const [result] = await aos([{ eval: text }]);
    expect(explainLuaError(result?.error ?? "", map)).toMatchObject({
      message: "deep",
      file: "a.lua",
      line: 3,
    });
  });

  test.each([
    ["a table without a message", "error({ code = 5, why = 'no' })", "error table: { code = 5, why = no }"],
    ["a number", "error(7)", "error value: 7"],
    ["nothing", "error()", "error value: nil"],
  ])("if its value is not a string, at the place where it is raised: %s", async (_, raised, message) => {
    const { text, map } = await bundled({
      "main.lua": "require('a')",
      "a.lua": `\nlocal function f()\n  ${raised}\nend\nf()`,
    });
    const [result] = await aos([{ eval: text }]);
    const found = explainLuaError(result?.error ?? "", map);
    expect(found).toMatchObject({ message, file: "a.lua", line: 3 });
  });

  test("if compiling fails, even when the faulty text is evaluated", async () => {
    const { text, map } = await bundled({ "main.lua": "local a = 1\nlocal b = 2\nreturn a + b\n" });
    const [result] = await aos([{ eval: text.replace("local b = 2", "local b = = 2") }]);
    expect(explainLuaError(result?.error ?? "", map)).toMatchObject({
      message: "unexpected symbol near '='",
      file: "main.lua",
      line: 2,
    });
  });

  test("if a required module is missing", async () => {
    const { text, map } = await bundled(
      { "main.lua": "local x\n  x = require('absent')" },
      { externals: ["absent"] },
    );
    const [result] = await aos([{ eval: text }]);
    const explained = explainLuaError(result?.error ?? "", map);
    expect(explained.message).toMatch(/^module 'absent' not found/);
    expect(explained).toMatchObject({ file: "main.lua", line: 2, column: 16 });
  });

  test("if modules form a cycle: at the last require", async () => {
    const { text, map } = await bundled({
      "main.lua": "if true then require('a') end",
      "a.lua": "\nif true then require('b') end",
      "b.lua": "\n\nif true then require('a') end",
    });
    const [result] = await aos([{ eval: text }]);
    expect(explainLuaError(result?.error ?? "", map)).toMatchObject({
      message: "modules require each other while they load: a.lua -> b.lua -> a.lua",
      file: "b.lua",
      line: 3,
    });
  });

  test("in minified text too", async () => {
    const { text, map } = await bundled(
      { "main.lua": "-- a comment\n--[[ more\n\n]]\n\n   local   t = nil\n   t . x   =   1   -- here" },
      { minify: true },
    );
    expect(text).toMatch(/\nt ?\. ?x=1\n/);
    const [result] = await aos([{ eval: text }]);
    expect(explainLuaError(result?.error ?? "", map)).toMatchObject({
      file: "main.lua",
      line: 7,
      column: 4,
      source: "   t . x   =   1   -- here",
    });
  });
});

test("a line of any length is shown around its column only", () => {
  const source = `local data = "${"x".repeat(5000)}" .. t.name .. "${"y".repeat(5000)}"`;
  const column = source.indexOf("t.name") + 1;
  const error = {
    message: "attempt to index a nil value (local 't')",
    file: "a.lua",
    line: 1,
    column,
    source,
  };
  const [head, shown = "", mark = ""] = formatLuaError(error).split("\n");
  expect(head).toBe(`a.lua:1:${column}: attempt to index a nil value (local 't')`);
  expect(shown.length).toBeLessThan(180);
  expect(shown.slice(mark.indexOf("^"), mark.indexOf("^") + 6)).toBe("t.name");
  for (const at of [1, source.length])
    expect(formatLuaError({ ...error, column: at }).split("\n")[1]?.length).toBeLessThan(180);
});

describe("a message without a place in the bundle is shown as it is", () => {
  test.each([
    ["an error without a place", '\n\n\u001b[31merror:\n\u001b[0m[string ".handlers"]:723: plain', "plain"],
    ["a line beyond the bundle", '[string "aos"]:9999: far', '[string "aos"]:9999: far'],
    ["a message of a unit", "Too many requests", "Too many requests"],
    ["nothing", "", ""],
  ])("%s", async (_, raw, message) => {
    const { map } = await bundled({ "main.lua": "return 1" });
    expect(explainLuaError(raw, map)).toEqual({ message });
  });
});
