import { describe, expect, test } from "vitest";
import type { BundleOptions } from "../../src/bundler/index.ts";
import { evaluate } from "./aos.ts";
import { bundled } from "./project.ts";

type Files = Record<string, string | Buffer>;

/** Bundles, loads into real aos and returns the expression's value there. */
async function run(files: Files, expression: string, options: Partial<BundleOptions> = {}): Promise<string> {
  const { text } = await bundled(files, options);
  return await evaluate(`local guard = 1\n${text}\nreturn tostring(${expression})`);
}

/** A module that returns its name and counts how often it was loaded. */
const COUNTED = "LOADS = (LOADS or 0) + 1\nlocal name = ...\nreturn { name = name, n = LOADS }";

describe("ways to write a require", () => {
  test.each([
    ["double quotes", 'R = require "a"'],
    ["single quotes", "R = require 'a'"],
    ["long brackets", "R = require [[a]]"],
    ["long brackets with a level", "R = require [==[a]==]"],
    ["parentheses", 'R = require("a")'],
    ["parentheses and spaces", 'R = require ( "a" )'],
    ["an escape in the name", 'R = require("\\97")'],
    ["joined literals", 'R = require("" .. "a")'],
    ["a local that holds the name", 'local n = "a"\nR = require(n)'],
    ["through a local of the same name", 'local require = require\nR = require("a")'],
    ["through another local", 'local load_module = require\nR = load_module("a")'],
    ["through _G", 'R = _G.require("a")'],
    ["under pcall as a value", 'local _, m = pcall(require, "a")\nR = m'],
    ["under pcall as a function", 'local _, m = pcall(function() return require("a") end)\nR = m'],
    ["as an argument", 'local function id(x) return x end\nR = id(require("a"))'],
    ["with an index after it", 'local n = require("a").name\nR = require("a")'],
    ["in a table", 'local t = { m = require("a") }\nR = t.m'],
    [
      "in a method call",
      'R = setmetatable({}, { __index = function() return function(_, x) return x end end }):f(require "a")',
    ],
  ])("%s", async (_, main) => {
    expect(await run({ "main.lua": main, "a.lua": COUNTED }, "R.name .. LOADS")).toBe("a1");
  });

  test("several on a line", async () => {
    const main = 'local a, b = require "a", require "b"; local c = require "c" R = a .. b .. c';
    const files = { "main.lua": main, "a.lua": "return 'A'", "b.lua": "return 'B'", "c.lua": "return 'C'" };
    expect(await run(files, "R")).toBe("ABC");
  });

  test("a require in comments and strings is not followed", async () => {
    const main = `-- require "no1"\n--[[ require "no2" ]]\n--[==[\nrequire("no3")\n]==]\nR = 'require "no4"' .. [[require("no5")]]`;
    const bundle = await bundled({ "main.lua": main });
    expect(bundle.modules.map(({ file }) => file)).toEqual(["main.lua"]);
    expect(await evaluate(`${bundle.text}return R`)).toBe('require "no4"require("no5")');
  });

  test("a function named require is not followed", async () => {
    const main = 'local function require(x) return x .. "!" end\nR = require("nothing")';
    expect(await run({ "main.lua": main }, "R")).toBe("nothing!");
  });

  test("a require inside a function stays lazy", async () => {
    const files = { "main.lua": 'function Later() return require("a") end', "a.lua": COUNTED };
    expect(await run(files, "tostring(LOADS) .. Later().n .. Later().n .. LOADS")).toBe("nil111");
  });

  test("a missing module under pcall is allowed", async () => {
    const main =
      'local ok, why = pcall(require, "absent")\nR = tostring(ok) .. (why:match("module \'absent\' not found") or why)';
    expect(await run({ "main.lua": main }, "R")).toBe("falsemodule 'absent' not found");
  });

  test("a computed name is covered by `include` and causes a warning", async () => {
    const files = {
      "main.lua":
        'local t = {}\nfor _, n in ipairs{"a","b"} do t[#t+1] = require("m." .. n) end\nR = table.concat(t)',
      "m/a.lua": "return 'A'",
      "m/b.lua": "return 'B'",
    };
    const bundle = await bundled(files, { include: ["m.a", "m.b"] });
    expect(bundle.warnings.map(({ code, at }) => [code, at])).toContainEqual([
      "LUA_REQUIRE_DYNAMIC",
      "main.lua:2:42",
    ]);
    expect(await evaluate(`${bundle.text}return R`)).toBe("AB");
  });
});

describe("names", () => {
  test("aos' own modules stay aos' own, with leading dots too", async () => {
    const main =
      'local u, p = require(".utils"), require(".process")\nR = tostring(u == Utils) .. tostring(p._version ~= nil) .. require("json").encode({1}) .. tostring(require("ao") == ao)';
    expect(await run({ "main.lua": main, "utils.lua": "return 'mine'" }, "R")).toBe("truetrue[1]true");
  });

  test("a project's file takes a plain aos name inside the bundle only", async () => {
    const files = { "main.lua": 'R = require("json").mine', "json.lua": "return { mine = 'yes' }" };
    const bundle = await bundled(files);
    expect(bundle.warnings.map(({ code }) => code)).toContain("LUA_SHADOWS_AOS");
    const outside = await evaluate(bundle.text, 'return R .. require("json").encode({ 2 })');
    expect(outside).toBe("yes[2]");
  });

  test("a leading dot before a name that aos does not have means the project's file", async () => {
    expect(await run({ "main.lua": 'R = require(".rules").v', "rules.lua": "return { v = 7 }" }, "R")).toBe(
      "7",
    );
  });

  test("several names of one file are one instance", async () => {
    const main =
      'local a, b, c, d, e = require("lib.a"), require("lib/a"), require("./lib/a"), require("lib.a.init"), require("nick")\n' +
      "R = tostring(a == b and b == c and c == d and d == e) .. LOADS .. a.name";
    const options = { aliases: { nick: "lib.a" } };
    expect(await run({ "main.lua": main, "lib/a/init.lua": COUNTED }, "R", options)).toBe("true1lib.a");
  });

  test("hyphens, slashes, scopes and names that differ only by punctuation", async () => {
    const names = ["a-b", "a_b", "a.b", "@scope/name", "x/y-z"];
    const files: Files = { "main.lua": `R = ${names.map((name) => `require("${name}")`).join(" .. ")}` };
    for (const name of names) files[`${name.replace(/^a\.b$/, "a/b")}.lua`] = `return "<${name}>"`;
    expect(await run(files, "R")).toBe(names.map((name) => `<${name}>`).join(""));
  });

  test("init.lua of a folder", async () => {
    const files = {
      "main.lua": 'R = require("lib").v',
      "lib/init.lua": "return { v = require('lib.part') }",
      "lib/part.lua": "return 9",
    };
    expect(await run(files, "R")).toBe("9");
  });

  test("names relative to the project's root from a sub-folder, to the entry's folder, and to the file", async () => {
    const files = {
      "src/main.lua": 'R = require("src.deep.a") .. require("deep.b")',
      "src/deep/a.lua": 'return "a" .. require("src.deep.b") .. require("./b") .. require("../up")',
      "src/deep/b.lua": 'return "b"',
      "src/up.lua": 'return "u"',
    };
    expect(await run(files, "R", { entry: "src/main.lua" })).toBe("abbub");
  });

  test("search roots, externals and an alias to a file", async () => {
    const files = {
      "app/main.lua": 'R = require("helper") .. require("nick") .. tostring(pcall(require, "left.out"))',
      "app/left/out.lua": 'return "never"',
      "vendor/helper.lua": 'return "h"',
      "vendor/odd name.lua": 'return "o"',
    };
    const options = {
      entry: "app/main.lua",
      search: ["vendor"],
      externals: ["left.*"],
      aliases: { nick: "vendor/odd name.lua" },
    };
    expect(await run(files, "R", options)).toBe("hofalse");
  });

  test("the module's own name, and requires computed from it", async () => {
    const files = {
      "main.lua": 'R = require("lib.a")',
      "lib/a.lua":
        'local name, file = ...\nlocal base = (...):match("(.-)[^%.]+$")\nreturn name .. "," .. file .. "," .. require(base .. "b") .. require(name .. ".c")',
      "lib/b.lua": "return 'B'",
      "lib/a/c.lua": "return 'C'",
    };
    expect(await run(files, "R")).toBe("lib.a,lib/a.lua,BC");
  });

  test("a later Eval finds the modules by their names", async () => {
    const { text } = await bundled({
      "main.lua": 'M = require("lib.a") function L() return require("late") end',
      "lib/a.lua": COUNTED,
      "late.lua": "return 'late'",
    });
    expect(await evaluate(text, 'return tostring(require("lib.a") == M) .. LOADS .. require("late")')).toBe(
      "true1late",
    );
  });
});

describe("modules", () => {
  test("without a return", async () => {
    expect(await run({ "main.lua": 'R = require("a")', "a.lua": "SET = 3" }, "tostring(R) .. SET")).toBe(
      "true3",
    );
  });

  test("that return nil, false or several values", async () => {
    const main =
      'local f = tostring(require("f")) .. tostring(require("f"))\nR = tostring(require("n")) .. f .. tostring(require("s"))';
    const files = {
      "main.lua": main,
      "n.lua": "return nil",
      "f.lua": "FALSE = (FALSE or 0) + 1 return false",
      "s.lua": "return 1, 2",
    };
    // As in plain Lua: nil counts as true, and false is loaded again.
    expect(await run(files, "R .. FALSE")).toBe("truefalsefalse12");
  });

  test("with an _ENV of their own", async () => {
    const files = {
      "main.lua": 'local a, b = require("a"), require("b")\nR = a.x .. b.x .. tostring(x)',
      "a.lua": "local _ENV = {}\nx = 1\nreturn _ENV",
      "b.lua": "_ENV = {}\nx = 2\nreturn _ENV",
    };
    expect(await run(files, "R")).toBe("12nil");
  });

  test("with 200 locals at the top, as many as Lua allows", async () => {
    const locals = Array.from({ length: 200 }, (_, i) => `local v${i} = ${i}`).join("\n");
    expect(await run({ "main.lua": 'R = require("a")', "a.lua": `${locals}\nreturn v199` }, "R")).toBe("199");
  });

  test("with a byte-order mark, a #! line, CRLF, lone CR and no final line ending", async () => {
    const files = {
      "main.lua": '\ufeff#!/usr/bin/env lua\r\nlocal s = [[x\r\ny]]\r\nR = require("a") .. #s -- end',
      "a.lua": "local v = 1\rreturn v",
    };
    expect(await run(files, "R")).toBe("13");
  });

  test("with bytes that are not UTF-8", async () => {
    const latin = Buffer.from(
      '-- caf\xe9\nlocal a, b = "\xe9\\"\xff", [[\n\xe9"\\\n]]\nR = a .. b',
      "latin1",
    );
    const bundle = await bundled({ "main.lua": latin });
    const bytes = await evaluate(`${bundle.text}return table.concat({ R:byte(1, -1) }, " ")`);
    expect(bytes).toBe("233 34 255 233 34 92 10");
    expect(bundle.modules[0]?.lines.count).toBe(5);
  });

  test("cannot reach the bundle's own locals", async () => {
    const names = [
      "start",
      "modules",
      "names",
      "own",
      "primary",
      "private",
      "order",
      "loaded",
      "native",
      "bundle",
    ];
    const main = `R = ""\n${names.map((name) => `R = R .. tostring(${name})`).join("\n")}`;
    expect(await run({ "main.lua": main }, "R")).toBe("nil".repeat(names.length));
  });

  test("Lua 5.3: goto, integer division, bit operators, integers, \\u and \\z", async () => {
    const main =
      'local n = 0\n::top::\nn = n + 1\nif n < 3 then goto top end\nR = n .. 7 // 2 .. (5 & 3 | 8 ~ 1) .. ~0 .. (1 << 4 >> 2) .. math.type(2^53 | 0) .. "\\u{48}\\z\n  !"';
    expect(await run({ "main.lua": main }, "R")).toBe("339-14integerH!");
  });
});

describe("cycles", () => {
  test("through functions run", async () => {
    const files = {
      "main.lua": 'R = require("a").f()',
      "a.lua":
        "local M = {}\nfunction M.f() return require('b').g() end\nfunction M.h() return 'done' end\nreturn M",
      "b.lua": "local M = {}\nlocal a = require('a')\nfunction M.g() return a.h() end\nreturn M",
    };
    expect(await run(files, "R")).toBe("done");
  });

  test("of modules that publish themselves first run", async () => {
    const files = {
      "main.lua": 'R = require("a").v',
      "a.lua": "local M = { early = 'e' }\npackage.loaded[...] = M\nM.v = require('b')\nreturn M",
      "b.lua": "return require('a').early .. '!'",
    };
    expect(await run(files, "R")).toBe("e!");
  });

  test("are not reported after an error that was caught on the way", async () => {
    const files = {
      "main.lua": 'local ok1 = pcall(require, "a")\nFIX = true\nR = tostring(ok1) .. require("a")',
      "a.lua": "if not FIX then error('broken') end\nreturn 'fixed'",
    };
    expect(await run(files, "R")).toBe("falsefixed");
  });
});

describe("constants", () => {
  test("any value is restored unchanged", async () => {
    const nasty = `quote " ' \\ ]] ]==] \n \r\n \t \0 \x7f \u00e9 \u2028 \u{1f600} ${"\\n"} --[[`;
    const constants = {
      TEXT: nasty,
      "not an identifier": "x",
      N: 42,
      F: 0.1,
      BIG: 2 ** 60,
      YES: true,
      NEG: -0,
      INF: Number.POSITIVE_INFINITY,
    };
    const { text } = await bundled(
      {
        "main.lua":
          'R = _G["not an identifier"] .. N .. math.type(N) .. F .. math.type(BIG) .. tostring(YES) .. tostring(1/NEG) .. tostring(INF)',
      },
      { constants },
    );
    expect(await evaluate(`${text}return R`)).toBe("x42integer0.1integertrue-infinf");
    const bytes = await evaluate(text, 'return table.concat({ TEXT:byte(1, -1) }, " ")');
    expect(Buffer.from(bytes.split(" ").map(Number)).toString("utf8")).toBe(nasty);
  });
});

describe("sizes", () => {
  test("2,000 modules in one chain, each a level deeper", async () => {
    const files: Files = { "main.lua": 'R = require("m1")', "m2000.lua": "return 0" };
    for (let i = 1; i < 2000; i++) files[`m${i}.lua`] = `return require("m${i + 1}") + 1`;
    const bundle = await bundled(files);
    expect(bundle.modules).toHaveLength(2001);
    expect(await evaluate(`${bundle.text}return R`)).toBe("1999");
  });

  test("4 MB", async () => {
    const files: Files = {
      "main.lua": 'local n = 0\nfor i = 1, 40 do n = n + #require("d" .. i) end\nR = n',
    };
    const include: string[] = [];
    for (let i = 1; i <= 40; i++) {
      include.push(`d${i}`);
      const rows = Array.from(
        { length: 2500 },
        (_, row) => `  { id = ${row}, name = "row ${row} of ${i}" },`,
      );
      files[`d${i}.lua`] = `return {\n${rows.join("\n")}\n}\n`;
    }
    const bundle = await bundled(files, { include });
    expect(bundle.bytes).toBeGreaterThan(3_900_000);
    expect(await evaluate(`${bundle.text}return R`)).toBe("100000");
  });
});
