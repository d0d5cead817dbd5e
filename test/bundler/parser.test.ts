import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyse } from "../../src/bundler/analyse.ts";
import { bundle, luaString } from "../../src/bundler/index.ts";
import { minifyLua } from "../../src/bundler/minify.ts";
import { readSource } from "../../src/bundler/source.ts";
import { FleetError } from "../../src/core/errors.ts";
import { evaluate } from "./aos.ts";
import { project } from "./project.ts";

/** Lua with every kind of statement and token; cutting or doubling parts of it makes near-Lua of every kind. */
const SEED = `#!/usr/bin/lua
local a, b <close_by>, c = 1, 0x1F // 3, 2e-3 -- comment
--[==[ long
  comment ]==]
local t = { 1, [2] = "two\\z
   \\x41\\u{48}\\065", x = 'y', [[long]], [==[ level
 ]==]; }
function t.f:g(x, ...) return #x, -x ~ 3 & 1 | 2 << 1 >> 1, not x, ... end
local function h(...) goto done; do local q = 1 end ::done:: return (select("#", ...)) end
for i = 1, 10, 2 do if i == 3 then break elseif i >= 4 and i ~= 5 then t[i] = i else h(i) end end
for k, v in pairs(t) do t.x.y[k]:z "s" { v } (k) end
while a < b do a = a + 1; repeat local z = a until z > 2 or z <= 1 end
Handlers.add("all", function() return true end, print)
local m = require("m") .. require "n" .. tostring(pcall(require, 'o'))
package.loaded[...] = m; _ENV = {}
return t, a .. b .. 1 ..2, 3 % 4 ^ 5 / 6
`.replace(" <close_by>", "");

const cut = fc.tuple(
  fc.nat(SEED.length),
  fc.nat(40),
  fc.constantFrom("", "", " ", "\n", "end", "(", "]]", '"', "=", "--[[", "\0", "é", "local ", "1"),
);

/** The seed with some stretches replaced. */
const nearLua = fc
  .array(cut, { minLength: 1, maxLength: 4 })
  .map((cuts) =>
    cuts.reduce((text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length), SEED),
  );

describe("any text is parsed or reported as faulty", () => {
  test("near-Lua, noise and bytes never crash the parser", () => {
    const anything = fc.oneof(
      nearLua,
      fc.string({ maxLength: 200, unit: "binary" }),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(anything, (input) => {
        const { text } = readSource(typeof input === "string" ? Buffer.from(input) : Buffer.from(input));
        const facts = analyse(text, true);
        const offsets = [...facts.requires, ...facts.handlers, ...facts.globals, ...facts.limits].map(
          ({ offset }) => offset,
        );
        if (facts.fault) offsets.push(facts.fault.offset);
        expect(offsets.every((offset) => offset >= 0 && offset <= text.length)).toBe(true);
        if (!facts.fault) expect(analyse(minifyLua(text)).fault).toBeUndefined();
      }),
      { numRuns: 1500, examples: [["#!"], ["#!/usr/bin/lua"], ["#"]] },
    );
  });

  test("bundling a random text returns a bundle or throws a FleetError, nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(nearLua, async (text) => {
        const root = project({ "main.lua": text });
        const outcome = await bundle({ name: "p", entry: "main.lua", root, externals: ["*"] }).catch(
          (error: unknown) => error,
        );
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(FleetError);
        else expect(outcome).toMatchObject({ name: "p" });
      }),
      { numRuns: 100 },
    );
  });

  test("endless nesting is a fault, not a crash", () => {
    for (const open of ["(", "{", "f(", "do ", "function() ", "not ", "- ", "a[", "x = "]) {
      const { fault, limits } = analyse(`return ${open.repeat(100_000)}`);
      expect(fault !== undefined || limits.length > 0).toBe(true);
    }
    for (const levels of [189, 500, 1000, 2000, 4000, 8000]) {
      for (const [open, close] of [
        ["{", "}"],
        ["f(", ")"],
        ["function() return ", " end"],
        ["not ", ""],
        ["a[", "]"],
        ["a .. ", ""],
      ]) {
        const { fault, limits } = analyse(`return ${open?.repeat(levels)}1${close?.repeat(levels)}`);
        expect(fault !== undefined || limits.length > 0).toBe(true);
      }
    }
    expect(analyse(`return ${"a + ".repeat(100_000)}a`).fault).toBeUndefined();
    expect(analyse(`return a${".b()".repeat(50_000)}`).fault).toBeUndefined();
    expect(analyse(`return a${".b".repeat(50_000)}()`).fault).toBeUndefined();
    const doubling = `local x = "name"${" local x = x .. x".repeat(100)} return require(x)`;
    expect(analyse(doubling).requires).toMatchObject([{ name: undefined }]);
  });
});

test("accepts and refuses what Lua in aos accepts and refuses, minified or not", {
  timeout: 60_000,
}, async () => {
  // An unknown attribute is Lua 5.4; only the stand-alone interpreter skips a `#!` line.
  const seed = Date.now() & 0x7fffffff;
  const samples = fc
    .sample(nearLua, { numRuns: 1200, seed })
    .map((text) => readSource(Buffer.from(text)).text);
  const hand = [
    SEED,
    "",
    ";;;",
    "goto c; local a; ::c:: print(a)",
    "do goto c; local a; ::c:: end",
    "::a:: ::a::",
    "break",
    "return return",
    "repeat local x; if y then goto cont end; local z; ::cont:: until z",
    "f\n(g)",
    "x=08",
    "x=1e+",
    "'\\q'",
    "'\\u{110000}'",
    "'s':f()",
    "('s'):f()",
    "(a)=1",
    "(a).b=1",
    "x = - - y",
    "x = 9223372036854775808",
    "x = 1LL",
    "x=0xA.8p1",
    "é=1",
    "x='\0'",
    "local function f() return ... end",
    "local x <const> = 1",
    "goto = 1",
    "x.end=1",
    "\f\v\tx=1",
    "return ::a::",
    "a.b:c=1",
    "return , 1",
    "return --[[]] , 1",
    "f(, 1)",
    "f --[[]] (--[[]], 1)",
    "return ',', (','), f(',')",
    "while a <1do end",
    "a = 1and 2",
    "a = 1or 2",
    "a = 1b = 2",
    "a = 1 .. 2, 1.5, .5, 1., 0x1F, 0x0.8p1, 1e5",
    "a = 1..2",
    "a = 0x1p3a = 1",
    "a = 0x1g = 1",
    "a = '1.2.3 1do' -- 1do",
  ].map((text) => readSource(Buffer.from(text)).text);
  const texts = [...hand, ...samples];
  const mine = texts.map((text) => analyse(text).fault === undefined);
  const small = texts.map((text, i) => (mine[i] ? minifyLua(text) : text));
  const listed = (list: string[]) => `{ ${list.map(luaString).join(", ")} }`;
  const check = (list: string[]) =>
    `local t = {} for i, s in ipairs${listed(list)} do t[i] = load(s) and "1" or "0" end return table.concat(t)`;
  const verdicts = mine.map((accepted) => (accepted ? "1" : "0")).join("");
  /** The texts on which aos disagrees; named, because the bits alone do not identify them. */
  const disputed = async (list: string[]) => {
    const answer = String(await evaluate(check(list)));
    expect(answer).toHaveLength(list.length);
    return list.filter((_text, i) => answer[i] !== verdicts[i]);
  };
  expect(await disputed(texts), `seed ${seed}`).toEqual([]);
  expect(await disputed(small), `seed ${seed}`).toEqual([]);
  expect(verdicts).toMatch(/1/);
  expect(verdicts).toMatch(/0/);
});

test("minified code does the same", async () => {
  const program = `local out = {}
  local function add ( ... ) for _ , v in ipairs { ... } do out [ #out + 1 ] = tostring ( v ) end end
  add ( 1 .. 2 , 1 - - 1 , 2 ^ - 1 , - 2 , not nil , ~ 5 , 7 // 2 , 3 ~ 1 , 1 << 2 , "a" .. 'b' .. [[ c ]] .. [==[
d]==] ) -- a comment
  local a = { [ "k" ] = { 1 , 2 } } --[[ inline ]] add ( a [ [[k]] ] [ 1 ] , # a . k , a.k[2]  ..  "" )
  goto skip  -- over
  add ( "never" )
  ::skip:: add ( ( function ( ... ) return select ( "#" , ... ) end ) ( 1 , nil , 3 ) )
  return table . concat ( out , "," )`;
  const small = minifyLua(program);
  expect(small.split("\n")).toHaveLength(program.split("\n").length);
  expect(small.length).toBeLessThan(program.length * 0.75);
  expect(await evaluate(small)).toBe(await evaluate(program));
});
