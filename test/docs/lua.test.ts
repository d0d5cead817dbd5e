/** The pages and definitions of the Lua library against the library itself and against a real aos image. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import luaparse from "luaparse";
import { beforeAll, describe, expect, test } from "vitest";
import { luaDefinitions, luaFunctions, luaPages } from "../../docs/lua.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { type Aos, boot } from "../processes/aos.ts";

const read = (path: string) => readFileSync(join(packageDir, path), "utf8");
const definitions = read("lua/aos.lua");

/** What only the Eval of a load calls. */
const OF_LOADS = ["guard", "restore", "commit"];
/** Parameters that the function passes to itself. */
const INNER: Readonly<Record<string, number>> = { checkSchema: 2 };

let process: Aos;
beforeAll(async () => {
  const examples = luaFunctions.map(({ example }) => `do\n${example}\nend`);
  const source = `local fleet = require("fleet")\n${examples.join("\n")}`;
  process = await boot("documented", { source });
});

describe("pages of the Lua library's functions", () => {
  test("and the editor's definitions are up to date with the comments (npm run docs)", () => {
    const pages = luaPages();
    for (const [name, text] of pages) expect(read(`docs/reference/lua/${name}`)).toBe(text);
    expect(readdirSync(join(packageDir, "docs/reference/lua")).sort()).toEqual([...pages.keys()].sort());
    expect(read("lua/fleet.lua")).toBe(luaDefinitions());
  });

  test("have a summary, an example and a description of each parameter or a name that says it", () => {
    expect(luaFunctions.length).toBeGreaterThan(40);
    const without = luaFunctions.filter(({ name, summary, example }) =>
      OF_LOADS.includes(name) ? summary === "" : summary === "" || example === "",
    );
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  const replies = luaFunctions.flatMap(({ name, example }) =>
    [...example.matchAll(/^-- (\w+) (\{.*\}) → (.*)$/gm)].map(([, action = "", data = "", reply = ""]) => ({
      ...{ name, action, data, reply },
    })),
  );

  test("have examples that answer what the page says, in a process of a real image", async () => {
    expect(replies.length).toBeGreaterThan(35);
    for (const { name, action, data, reply } of replies) {
      const { reply: got, error } = await process.send({ From: "reader", Action: action, Data: data });
      expect([name, error]).toEqual([name, undefined]);
      if (reply === "nothing") expect([name, got]).toEqual([name, undefined]);
      else expect({ name, ...got?.data }).toMatchObject({ name, ...JSON.parse(reply) });
    }
  });

  test("document every parameter that a function has", async () => {
    const found = await process.value(
      `(function() local found = {} for name, value in pairs(Fleet) do if type(value) == "function" then
       found[name] = debug.getinfo(value, "u").nparams end end return found end)()`,
    );
    const real = found as Readonly<Record<string, number>>;
    const documented = luaFunctions.filter(({ isFunction }) => isFunction);
    expect(Object.fromEntries(documented.map(({ name }) => [name, real[name]]))).toEqual(
      Object.fromEntries(
        documented.map(({ name, parameters }) => [name, parameters.length + (INNER[name] ?? 0)]),
      ),
    );
  });
});

describe("definitions for editors", () => {
  test("are Lua, and each is a definition file", () => {
    const files = readdirSync(join(packageDir, "lua"));
    expect(files.sort()).toEqual(["aos.lua", "fleet.lua", "json.lua", "test-globals.lua", "test.lua"]);
    for (const file of files) {
      expect(read(`lua/${file}`)).toMatch(/^---@meta/);
      expect(() => luaparse.parse(read(`lua/${file}`), { luaVersion: "5.3" })).not.toThrow();
    }
  });

  test("name only what a process of an aos image has, as a function or not", async () => {
    const functions = [...definitions.matchAll(/^function ([\w.]+)\(/gm)].map(([, name = ""]) => name);
    const values = [...definitions.matchAll(/^([A-Za-z][\w.]*) = /gm)].map(([, name = ""]) => name);
    functions.push(
      ...[...read("lua/json.lua").matchAll(/^function ([\w.]+)\(/gm)].map(([, name = ""]) => name),
    );
    expect(functions.length).toBeGreaterThan(30);
    const kinds = (await process.value(
      `(function() local found = {} for name in ([[${[...functions, ...values].join(" ")}]]):gmatch("%S+") do
       local value = setmetatable({ json = require("json") }, { __index = _G }) for part in name:gmatch("[^.]+") do value = type(value) == "table" and value[part] or nil end
       found[name] = type(value) end return found end)()`,
    )) as Readonly<Record<string, string>>;
    expect(functions.filter((name) => kinds[name] !== "function")).toEqual([]);
    expect(values.filter((name) => !["table", "string"].includes(kinds[name] ?? ""))).toEqual([]);
  });

  test("have the fields of `ao` and of a message that a handler really gets", async () => {
    const fieldsOf = (name: string) => {
      const [, block = ""] = new RegExp(`---@class ${name}\\n((?:---@field .*\\n)+)`).exec(definitions) ?? [];
      return [...block.matchAll(/^---@field (\w+) /gm)].map(([, field = ""]) => field);
    };
    const inHandler = `local ao, seen = ao, {}
      for name in ("${fieldsOf("ao\\.Message").join(" ")}"):gmatch("%S+") do seen[name] = type(msg[name]) end
      for name in ("${fieldsOf("ao").join(" ")}"):gmatch("%S+") do seen["ao." .. name] = type(ao[name]) end`;
    const p = await boot("plain", {
      source: `Handlers.add("Look", "Look", function(msg) ${inHandler} msg.reply({ Data = require("json").encode(seen) }) end)`,
    });
    const { reply } = await p.send({ From: "reader", Action: "Look", Data: "x" });
    const missing = Object.entries(JSON.parse(reply?.text ?? "{}")).filter(([, type]) => type === "nil");
    expect(Object.keys(JSON.parse(reply?.text ?? "{}")).length).toBeGreaterThan(12);
    expect(missing).toEqual([]);
  });
});
