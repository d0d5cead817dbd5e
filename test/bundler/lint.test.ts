import { describe, expect, test } from "vitest";
import { type Bundle, type BundleOptions, checkSize } from "../../src/bundler/index.ts";
import type { Problem } from "../../src/core/errors.ts";
import { problemsOf } from "../kit/failure.ts";
import { bundled } from "./project.ts";

type Files = Record<string, string>;

const problems = (files: Files, options: Partial<BundleOptions> = {}) => problemsOf(bundled(files, options));

const found = (list: readonly Problem[]) => list.map(({ code, at }) => `${code} ${at ?? ""}`.trim());
const warned = ({ warnings }: Bundle) => found(warnings);

describe("what cannot be loaded fails the plan", () => {
  test("all problems are reported at once, each at its place", async () => {
    const list = await problems(
      {
        "main.lua": 'require("a")\n  require("b.c")\nrequire("gone")',
        "a.lua": "local x = = 1",
        "b/c.lua": "local t = {\n  1, 2\nreturn t",
      },
      { constants: { BAD: "\ud800" }, silence: { NO_SUCH_CODE: "because" } },
    );
    expect(found(list)).toEqual([
      "SILENCE_INVALID silence.NO_SUCH_CODE",
      "CONSTANT_INVALID constants.BAD",
      "LUA_MODULE_MISSING main.lua:3:1",
      "LUA_SYNTAX a.lua:1:11",
      "LUA_SYNTAX b/c.lua:3:1",
    ]);
    expect(list.every(({ remedy }) => remedy.length > 10)).toBe(true);
  });

  test("a global of the library that the program assigns, unless it assigns the library itself", async () => {
    const prelude = { prelude: ["library.lua"] };
    const library = "Fleet = Fleet or {}\nreturn Fleet";
    const reserved = async (text: string, options: Partial<BundleOptions> = prelude) =>
      found(await problems({ "main.lua": text, "library.lua": library }, options));
    expect(await reserved("x = 1\nFleet = { ships = {} }")).toEqual(["LUA_GLOBAL_RESERVED main.lua:2:1"]);
    expect(await reserved("Fleet = Fleet or { ships = {} }")).toEqual(["LUA_GLOBAL_RESERVED main.lua:1:1"]);
    expect(await reserved("function Fleet() end")).toEqual(["LUA_GLOBAL_RESERVED main.lua:1:10"]);
    const passes = async (text: string, options: Partial<BundleOptions> = prelude) =>
      (await bundled({ "main.lua": text, "library.lua": library }, options)).text.includes(text);
    expect(await passes('Fleet = require("library")')).toBe(true);
    expect(await passes("local Fleet = { ships = {} }\nShips = Fleet.ships")).toBe(true);
    expect(await passes("Fleet = { ships = {} }", {})).toBe(true);
  });

  test("a missing module reports the searched places, relative to the project", async () => {
    const [problem] = await problems(
      { "src/main.lua": 'local x = require("lib.thing")' },
      { entry: "src/main.lua", search: ["vendor"] },
    );
    expect(problem?.what).toBe('src/main.lua requires "lib.thing", which does not exist.');
    expect(problem?.at).toBe("src/main.lua:1:11");
    for (const place of [
      "src/lib/thing.lua",
      "lib/thing/init.lua",
      "vendor/lib/thing.lua",
      "node_modules/lib",
    ]) {
      expect(problem?.expected).toContain(place);
    }
    expect(problem?.expected).not.toContain("/tmp");
  });

  test.each([
    ["local function f()\n  if x then\n    y()\n  end\n", "main.lua:5:1", "function", 1, "end"],
    ["function f()\n  for i = 1, 2 do g()", "main.lua:2:22", "for", 2, "end"],
    ["while a do\n  do b() end\n", "main.lua:3:1", "while", 1, "end"],
    ["repeat\n  if a then b() end\n", "main.lua:3:1", "repeat", 1, "until"],
    ["local t = {\n  1,\n  { 2 }", "main.lua:3:8", "{", 1, "}"],
    ["\nprint((1 + 2)", "main.lua:2:14", "(", 2, ")"],
    ['Handlers.add("a", function(m)\n  m.reply({})\n', "main.lua:3:1", "function", 1, "end"],
    ["-- end ] }\nlocal s = 'end' if a then", "main.lua:2:26", "if", 2, "end"],
  ])(
    "a file that ends too early reports what is open, and where: %j",
    async (text, at, word, line, awaited) => {
      const [problem] = await problems({ "main.lua": text });
      expect(problem).toMatchObject({
        code: "LUA_SYNTAX",
        at,
        what: `main.lua is not valid Lua 5.3: '${awaited}' expected near '<eof>'.`,
        got: "the end of the file",
        expected: `'${awaited}' to close '${word}' at main.lua:${line}: ${text.split("\n")[line - 1]?.trim()}`,
        remedy: expect.stringContaining(`'${word}' in line ${line}`),
      });
    },
  );

  test("a file that is no Lua is shown by a short part of the line, without what looks like a secret", async () => {
    const key = JSON.stringify({ kty: "RSA", d: "d".repeat(683), p: "p".repeat(342), n: "n".repeat(683) });
    const [json] = await problems({ "main.lua": key });
    expect(json?.got).toMatch(/^\{"kty":"RSA","d":"\[redacted\]","p":"\[redacted\]","n":"n+…$/);
    expect(json?.got).toHaveLength(80);
    const [words] = await problems({ "main.lua": `x = "${"w".repeat(200)}\n` });
    expect(words?.what).toMatch(/^main\.lua is not valid Lua 5\.3: unfinished string near ."w+…\.$/);
    const [spoken] = await problems({ "main.lua": "x = = 1 -- \u001b[2J --token abcdefgh" });
    expect(spoken?.got).toBe("x = = 1 -- \\u001b[2J --token [redacted]");
    const open = `f(function() -- password=hunter22 ${"x".repeat(90)}\n`;
    expect((await problems({ "main.lua": open }))[0]?.expected).not.toMatch(/hunter22|x{80}/);
  });

  test("a file that ends inside an expression, a string or a comment reports that", async () => {
    const ends = async (text: string) => {
      const [problem] = await problems({ "main.lua": text });
      return [problem?.what.replace("main.lua is not valid Lua 5.3: ", ""), problem?.got, problem?.at];
    };
    const end = "the end of the file";
    expect(await ends("local x =\n")).toEqual(["<expression> expected near '<eof>'.", end, "main.lua:2:1"]);
    expect(await ends("\nx = [[abc")).toEqual([
      "unfinished long string (starting at line 2) near '<eof>'.",
      end,
      "main.lua:2:10",
    ]);
    expect(await ends("--[[ c\n")).toEqual([
      "unfinished long comment (starting at line 1) near '<eof>'.",
      end,
      "main.lua:2:1",
    ]);
    expect(await ends("x = 1\nend")).toEqual(["'<eof>' expected near 'end'.", "end", "main.lua:2:1"]);
  });

  test("a block closed by the wrong word reports the expected word", async () => {
    const [problem] = await problems({ "main.lua": "f(function()\n  return 1\n)" });
    expect(problem).toMatchObject({
      at: "main.lua:3:1",
      what: "main.lua is not valid Lua 5.3: 'end' expected near ')'.",
      got: ")",
      expected: "'end' to close 'function' at main.lua:1: f(function()",
    });
  });

  test("a name that differs only in case is missing, even if the file system ignores case", async () => {
    expect(found(await problems({ "main.lua": 'require("Lib")', "lib.lua": "" }))).toEqual([
      "LUA_MODULE_MISSING main.lua:1:1",
    ]);
  });

  test("a missing module that exists under nearly the same name is reported with that name", async () => {
    const files = {
      "main.lua": 'require("DbAdmin")\nrequire("Parts.notices")\nrequire("bint")\nrequire("other")',
      "dbAdmin.lua": "",
      "parts/Notices.lua": "",
    };
    const all = await problems(files, { image: "aos" });
    expect(all.map(({ got }) => got)).toEqual([
      "dbAdmin.lua, which differs in upper and lower case",
      "parts/Notices.lua, which differs in upper and lower case",
      '".bint", a module of the image aos-2.0.6',
      undefined,
    ]);
    expect(all[2]?.remedy).toContain('Require ".bint"');
  });

  test("a missing entry", async () => {
    const [problem] = await problems({ "other.lua": "" });
    expect(problem).toMatchObject({ code: "LUA_ENTRY_MISSING", at: "entry" });
  });

  test("code that Lua's grammar allows and Lua refuses", async () => {
    const locals = Array.from({ length: 201 }, (_, i) => `local v${i}`).join("\n");
    const upvalues = `${Array.from({ length: 150 }, (_, i) => `local a${i}`).join(" ")}
local function f() ${Array.from({ length: 150 }, (_, i) => `local b${i}`).join(" ")}
  return function() return ${Array.from({ length: 150 }, (_, i) => `a${i}, b${i}`).join(", ")} end end`;
    const files = {
      "main.lua": 'require("locals") require("upvalues") require("deep")',
      "locals.lua": locals,
      "upvalues.lua": upvalues,
      "deep.lua": `return ${"{".repeat(300)}${"}".repeat(300)}`,
    };
    expect((await problems(files)).map(({ what }) => what)).toEqual([
      "Lua cannot compile locals.lua: it has more than 200 local variables in one function.",
      "Lua cannot compile upvalues.lua: it has more than 255 upvalues in one function.",
      "Lua cannot compile deep.lua: it has more than 188 levels of nesting.",
    ]);
  });

  test("modules that always require each other while they load", async () => {
    const files = {
      "main.lua": 'require("a")',
      "a.lua": 'local b = require("b")',
      "b.lua": "\nlocal a = require('a')",
    };
    const [problem] = await problems(files);
    expect(problem).toMatchObject({
      code: "LUA_REQUIRE_CYCLE",
      got: "a.lua → b.lua → a.lua",
      at: "b.lua:2:11",
    });
    const silenced = await bundled(files, { silence: { LUA_REQUIRE_CYCLE: "b is replaced at run time" } });
    expect(silenced.modules).toHaveLength(3);
  });

  test("a bundle over its budget, with sizes by module", async () => {
    const files = { "main.lua": 'require("big")', "big.lua": `return "${"x".repeat(5000)}"` };
    const [problem] = await problems(files, { budget: { maxBytes: 6000 } });
    expect(problem).toMatchObject({
      code: "BUNDLE_OVER_BUDGET",
      expected: "at most 6 kB",
      at: "budget.maxBytes",
    });
    expect(problem?.got).toMatch(/^\d+(\.\d)? kB: big\.lua 5 kB, main\.lua 15 B$/);
    await expect(
      bundled(files, { budget: { maxBytes: 6000 }, silence: { BUNDLE_OVER_BUDGET: "once" } }),
    ).resolves.toBeDefined();
  });

  test("a bundle over a unit's limit", async () => {
    const bundle = await bundled({ "main.lua": 'require("big")', "big.lua": `return "${"x".repeat(5000)}"` });
    expect(() => checkSize(bundle, bundle.bytes)).not.toThrow();
    expect(() => checkSize(bundle, bundle.bytes - 1)).toThrow(/BUNDLE_TOO_LARGE[\s\S]*big\.lua 5 kB/);
  });

  test("a missing module may be left to the process, with a reason", async () => {
    const files = { "main.lua": 'require("gone")' };
    expect(
      (await bundled(files, { silence: { LUA_MODULE_MISSING: "loaded by hand" } })).modules,
    ).toHaveLength(1);
    expect(found(await problems(files, { silence: { LUA_MODULE_MISSING: " " } }))).toContain(
      "SILENCE_INVALID silence.LUA_MODULE_MISSING",
    );
  });

  test("a syntax error cannot be silenced", async () => {
    expect(found(await problems({ "main.lua": "x = = 1" }, { silence: { LUA_SYNTAX: "no" } }))).toEqual([
      "SILENCE_INVALID silence.LUA_SYNTAX",
      "LUA_SYNTAX main.lua:1:5",
    ]);
  });
});

describe("what loads and may surprise is a warning", () => {
  test("assignments to globals that the program's list of globals does not name", async () => {
    const main =
      "local a = 1\na = 2\nBalances = Balances or {}\nfunction helper() count = (count or 0) + 1 end\n_G.other = 1\nBalances = {}\nName = 'x'\nlocal function f(p) p = 1 end";
    const bundle = await bundled({ "main.lua": main }, { state: ["other"] });
    expect(bundle.warnings).toEqual([
      expect.objectContaining({
        code: "LUA_GLOBAL_UNDECLARED",
        got: "Balances (2 times), helper, count",
        at: "main.lua:3:1",
      }),
    ]);
    expect(
      warned(await bundled({ "main.lua": main }, { state: ["Balances", "helper", "count", "other"] })),
    ).toEqual([]);
    expect(
      warned(
        await bundled(
          { "main.lua": main },
          { state: ["other"], silence: { LUA_GLOBAL_UNDECLARED: "an old program" } },
        ),
      ),
    ).toEqual([]);
    // Without a list and without a declared state, everything that messages change is handed over.
    expect(warned(await bundled({ "main.lua": main }))).toEqual([]);
  });

  test("data in globals that a hand-over leaves behind", async () => {
    const main = "Balances = Balances or {}\nTicker = 'T'\nfunction helper() end\nName = 'x'";
    const { warnings } = await bundled({ "main.lua": main }, { carried: ["Balances"], state: ["Ticker"] });
    expect(warnings).toEqual([
      expect.objectContaining({ code: "LUA_GLOBAL_UNDECLARED", got: "Ticker", at: "main.lua:2:1" }),
    ]);
  });

  test.each([
    ["function returning true", "function() return true end"],
    ["function returning -1", "function(m) return -1 end"],
    ["function returning break", 'function() return "break" end'],
    ["an empty table", "{}"],
  ])("a handler that swallows every message before others: %s", async (_, pattern) => {
    const files = {
      "main.lua": `require("a")\nHandlers.add("ping", "Ping", print)`,
      "a.lua": `\nHandlers.add("all", ${pattern}, print)`,
    };
    const { warnings } = await bundled(files);
    expect(warnings).toEqual([expect.objectContaining({ code: "LUA_HANDLER_SWALLOWS", at: "a.lua:2:1" })]);
    expect(warnings[0]?.what).toBe(
      'The handler "all" matches every message, so 1 other handler is never reached.',
    );
  });

  test.each([
    ["last of all", 'Handlers.add("p", "P", print) Handlers.add("all", function() return true end, print)'],
    [
      "that lets messages go on",
      'Handlers.add("all", function() return "continue" end, print) Handlers.add("p", "P", print)',
    ],
    ["by number", 'Handlers.add("all", function() return 1 end, print) Handlers.add("p", "P", print)'],
    ["by its action", 'Handlers.add("p", print) Handlers.add("q", print)'],
  ])("but not a handler %s", async (_, main) => {
    expect(warned(await bundled({ "main.lua": main }))).toEqual([]);
  });

  test("a swallowing handler put first, also through a local", async () => {
    const main = 'local H = Handlers\nH.add("p", "P", print)\nH.prepend("all", {}, print)';
    expect(warned(await bundled({ "main.lua": main }))).toEqual(["LUA_HANDLER_SWALLOWS main.lua:3:1"]);
  });

  test("files in the program's folder that nothing requires", async () => {
    const files = {
      "app/main.lua": 'require("used")',
      "app/used.lua": "",
      "app/old/left.lua": "",
      "app/used_test.lua": "",
      "app/spec/thing.lua": "",
      "elsewhere.lua": "",
    };
    const bundle = await bundled(files, { entry: "app/main.lua" });
    expect(warned(bundle)).toEqual(["LUA_MODULE_UNUSED app/old/left.lua"]);
    // A single-file program shares its folder with other programs, so nothing can be concluded.
    expect(warned(await bundled({ "one.lua": "", "two.lua": "" }, { entry: "one.lua" }))).toEqual([]);
  });

  test.each([
    'Handlers.add("info", "Info", f)',
    'Handlers.prepend("info", { Action = "Info" }, f)',
    'Handlers.add("info", Handlers.utils.hasMatchingTag("Action", "Info"), f)',
    'Handlers.add("info", function(m) return m.Tags.Action == "Info" end, f)',
    'Handlers.add("Info", f)',
  ])("warns of a handler for an action that every process answers, and names both: %s", async (handler) => {
    const files = { "main.lua": `local f = print\n${handler}\nHandlers.add("b", "Balance", f)\n` };
    const bundle = await bundled(files, { shared: ["Info", "AUDIT"] });
    expect(bundle.warnings).toEqual([
      expect.objectContaining({
        code: "LUA_ACTION_SHARED",
        what: expect.stringContaining("main.lua handles Info, an action that the fleet's library handles"),
        expected: expect.stringContaining("Fleet.Info"),
        at: "main.lua:2:1",
      }),
    ]);
    expect((await bundled(files)).warnings).toEqual([]);
    const silence = { LUA_ACTION_SHARED: "wallets need it" };
    expect((await bundled(files, { shared: ["Info"], silence })).warnings).toEqual([]);
  });

  test.each(["function() return true end", "{}"])(
    "warns of a handler for every message: %s",
    async (pattern) => {
      const files = { "main.lua": `Handlers.add("all", ${pattern}, print)` };
      const { warnings } = await bundled(files, { shared: ["Info", "AUDIT"] });
      expect(warnings).toEqual([
        expect.objectContaining({
          code: "LUA_ACTION_SHARED",
          what: expect.stringContaining("main.lua handles every message"),
          got: 'the handler "all"',
          expected: expect.stringContaining("Fleet.<action>"),
        }),
      ]);
      expect((await bundled(files)).warnings).toEqual([]);
    },
  );

  test("refuses a handler under a name of the library's, and warns of one under a name of aos", async () => {
    const files = {
      "main.lua": 'Handlers.add("_default", "P", print)\nHandlers.once("ao-fleet.mine", "Q", print)',
    };
    await expect(bundled(files, { shared: ["Info"] })).rejects.toMatchObject({
      problems: [
        expect.objectContaining({
          code: "LUA_HANDLER_RESERVED",
          what: 'main.lua adds the handler "ao-fleet.mine", whose name belongs to the fleet\'s library.',
          at: "main.lua:2:1",
        }),
      ],
    });
    expect(warned(await bundled(files))).toEqual(["LUA_HANDLER_OF_AOS main.lua:1:1"]);
    const own = { "main.lua": 'Handlers.add("fleet", "P", print)\nHandlers.add("_info", "Q", print)' };
    expect(warned(await bundled(own, { shared: ["Info"] }))).toEqual([]);
  });

  test("the prelude's own code causes no warning", async () => {
    const files = {
      "main.lua": "",
      "lib/base/init.lua": 'Base = {} require("base.part")',
      "lib/base/part.lua": "Part = {}",
    };
    const bundle = await bundled(files, { prelude: ["lib/base/init.lua"], search: ["lib"] });
    expect(warned(bundle)).toEqual([]);
    expect(bundle.modules.map(({ name }) => name)).toEqual(["base", "base.part", "main"]);
  });
});
