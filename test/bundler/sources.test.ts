import { describe, expect, test } from "vitest";
import { bundle } from "../../src/bundler/index.ts";
import { aos, evaluate } from "./aos.ts";
import { project } from "./project.ts";

type Files = Record<string, string>;

async function run(files: Files, entry: string, expression: string): Promise<string> {
  const { text } = await bundle({ name: "p", entry, root: project(files) });
  return await evaluate(`${text}\nreturn tostring(${expression})`);
}

describe("Lua from other places", () => {
  test("a single file", async () => {
    expect(await run({ "one.lua": "R = 1" }, "one.lua", "R")).toBe("1");
    expect(await run({ "one.lua": "R = 1" }, "one", "R")).toBe("1");
  });

  test.each(["init.lua", "main.lua", "battle.lua"])("a folder with %s", async (name) => {
    const files = {
      [`processes/battle/${name}`]: 'R = require("rules")',
      "processes/battle/rules.lua": "return 'rules'",
    };
    expect(await run(files, "processes/battle", "R")).toBe("rules");
  });

  test.each([
    [
      "its lua field",
      {
        "package.json": '{ "lua": "lib/start.lua" }',
        "lib/start.lua": "R = require('lib.part')",
        "lib/part.lua": "return 'p'",
      },
    ],
    [
      "a Lua main",
      {
        "package.json": '{ "main": "start.lua" }',
        "start.lua": "R = require('part')",
        "part.lua": "return 'p'",
      },
    ],
    ["the usual names", { "init.lua": "R = require('part')", "src/part.lua": "return 'p'" }],
  ])("an npm package by %s", async (_, files: Files) => {
    const installed = Object.fromEntries(
      Object.entries(files).map(([f, t]) => [`node_modules/@owner/game/${f}`, t]),
    );
    expect(await run({ ...installed, "package.json": "{}" }, "npm:@owner/game", "R")).toBe("p");
  });

  test("packages that modules require, scoped ones and parts of them; each finds its own files first", async () => {
    const files = {
      "main.lua": 'R = require("tool") .. require("@s/kit") .. require("@s/kit.extra") .. require("util")',
      "util.lua": "return 'own'",
      "node_modules/tool/init.lua": 'return "tool(" .. require("util") .. ")"',
      "node_modules/tool/util.lua": "return 'tool util'",
      "node_modules/@s/kit/package.json": '{ "lua": "kit.lua" }',
      "node_modules/@s/kit/kit.lua": 'return "kit(" .. require("util") .. ")"',
      "node_modules/@s/kit/src/extra.lua": 'return "extra"',
    };
    // `kit` has no `util` of its own and gets the project's; outside the bundle `util` is the project's too.
    expect(await run(files, "main.lua", 'R .. require("util")')).toBe("tool(tool util)kit(own)extraownown");
  });

  test("a library gets aos' own module, whatever the project calls its files", async () => {
    const files = {
      "main.lua": 'R = require("codec") .. require("json").mine',
      "json.lua": "return { mine = '!' }",
      "node_modules/codec/init.lua": 'return require("json").encode({ 1 })',
    };
    expect(await run(files, "main.lua", "R")).toBe("[1]!");
  });

  test("output of TypeScriptToLua", async () => {
    const files = {
      "out/main.lua": `local ____lualib = require("lualib_bundle")
local __TS__New = ____lualib.__TS__New
local ____exports = {}
local ____counter = require("lib.counter")
local Counter = ____counter.Counter
local counter = __TS__New(Counter, 41)
Handlers.add(
    "count",
    "Count",
    function(msg)
        counter:up()
        ao.send({Target = msg.From, Data = tostring(counter.value)})
    end
)
return ____exports
--# sourceMappingURL=main.lua.map`,
      "out/lib/counter.lua": `local ____lualib = require("lualib_bundle")
local __TS__Class = ____lualib.__TS__Class
local ____exports = {}
____exports.Counter = __TS__Class()
local Counter = ____exports.Counter
function Counter.prototype.____constructor(self, start)
    self.value = start
end
function Counter.prototype.up(self)
    self.value = self.value + 1
end
return ____exports`,
      "out/lualib_bundle.lua": `local function __TS__Class()
    local c = {prototype = {}}
    c.prototype.__index = c.prototype
    return c
end
local function __TS__New(target, ...)
    local instance = setmetatable({}, target.prototype)
    instance:____constructor(...)
    return instance
end
return {__TS__Class = __TS__Class, __TS__New = __TS__New}`,
    };
    const { text } = await bundle({ name: "p", entry: "out/main.lua", root: project(files) });
    const results = await aos([{ eval: text }, { action: "Count" }]);
    expect(results[1]?.messages[0]?.data).toBe("42");
  });
});
