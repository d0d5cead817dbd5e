/** Programs for the device lua@5.3a, whose Lua lacks parts of Lua 5.3 and of aos. */
import { expect, test } from "vitest";
import type { BundleOptions } from "../../src/bundler/index.ts";
import { problemsOf } from "../kit/failure.ts";
import { bundled } from "./project.ts";

const DEVICE = { name: "lua@5.3a", carries: () => undefined, luerl: { isFleets: true } };

/** `CODE line:column name` of each problem and warning of this kind on the device; "loads" if there is none. */
async function findings(text: string, options: Partial<BundleOptions> = {}): Promise<string> {
  const bundling = bundled({ "main.lua": text }, { image: DEVICE, ...options });
  const list = await bundling.then(
    ({ warnings }) => warnings.filter(({ code }) => code === "LUA_FUNCTION_MISSING"),
    () => problemsOf(bundling),
  );
  const lines = list.map(({ code, at, what }) => {
    const name = / (?:uses|calls) (.+), which lua@5\.3a does not have\.$/.exec(what)?.[1];
    return [code, at?.replace("main.lua:", ""), name].filter((part) => part !== undefined).join(" ");
  });
  return lines.join("; ") || "loads";
}

test.each([
  ["goto", "for i = 1, 2 do\n  if x then goto next end\n  ::next::\nend", "LUA_SYNTAX_MISSING 2:13"],
  ["a long comment over lines", "x = 1\n--[==[ a\nb ]==]", "LUA_SYNTAX_MISSING 2:1"],
  ["a long comment before code", "--[=[ a ]=] x = 1", "LUA_SYNTAX_MISSING 1:1"],
  ["a long comment that ends before code", "--[=[ a\n--]=] x = 1", "LUA_SYNTAX_MISSING 1:1"],
  ["a long comment with one in it", "--[=[ a\n--[[ b\n--]=]", "LUA_SYNTAX_MISSING 1:1"],
  ["a long comment before one over lines", "--[=[ a ]=] --[[ b\n]]", "LUA_SYNTAX_MISSING 1:1"],
  ["a long string of four levels", "x = [====[ a ]====]", "LUA_SYNTAX_MISSING 1:5"],
])("refuses what the device cannot compile, also silenced: %s", async (_, text, expected) => {
  expect(await findings(text)).toBe(expected);
  const silence = { LUA_SYNTAX_MISSING: "it never runs" };
  expect(await findings(text, { silence })).toBe(`SILENCE_INVALID silence.LUA_SYNTAX_MISSING; ${expected}`);
  expect((await bundled({ "main.lua": text })).warnings).toEqual([]);
});

test.each([
  ["Receive({ Action = 'A' })", "1:1 Receive"],
  ["Handlers.add('a', function() local m = Handlers.receive({}) end)", "1:40 Handlers.receive"],
  ["local m = Send({ Target = ao.id }).receive()", "1:11 Send(…).receive"],
  ["local m = ao.send { Target = ao.id }.receive()", "1:11 Send(…).receive"],
  ["Assign({ Processes = {}, Message = 'm' })", "1:1 Assign"],
  ["_G.ao.assign({})", "1:1 ao.assign"],
  ["x = _ENV.y", "1:5 _ENV"],
  ["local _ENV = { print = print }", "1:7 _ENV"],
  ["local function f(_ENV) end", "1:18 _ENV"],
  ["_ENV = {}", "1:1 _ENV"],
  ["local f = load('x = 1', 'x', 't', {})", "1:11 load(…, env)"],
])("refuses a use of what the device lacks, unless it is silenced: %s", async (text, expected) => {
  expect(await findings(text)).toBe(`LUA_FEATURE_MISSING ${expected}`);
  expect(await findings(text, { silence: { LUA_FEATURE_MISSING: "it never runs there" } })).toBe("loads");
  expect((await bundled({ "main.lua": text })).warnings).toEqual([]);
});

test.each([
  ["local f = string.dump(print)", "1:11 string.dump"],
  ["local d = debug.getinfo(1)", "1:11 debug.getinfo"],
  ["coroutine.wrap(function() coroutine.yield() end)", "1:27 coroutine.yield"],
  ["local f = io.open('x')", "1:11 io.open"],
  ["os.getenv 'HOME'", "1:1 os.getenv"],
  ["string.pack('<d', 1)", "1:1 string.pack('<d', …)"],
])(
  "warns of a call of a library's function that the device lacks, unless it is silenced: %s",
  async (text, expected) => {
    expect(await findings(text)).toBe(`LUA_FUNCTION_MISSING ${expected}`);
    expect(await findings(text, { silence: { LUA_FUNCTION_MISSING: "it never runs there" } })).toBe("loads");
  },
);

test.each([
  "return 'goto x _ENV', debug.traceback(), debug.getmetatable('')",
  "--[==[ one line ]==]\n--[[ two\nlines ]]\n-- [==[ goto\nx = [==[ a\n--[=[ b ]==]",
  "local _ENV = nil",
  "local _ENV",
  "--[=[ a ]=] -- b",
  "--[==[\n-- a\n\n--]==]",
  "x = [===[ a ]===]",
  "Handlers = { receive = print } Handlers.receive()",
  "local Receive = print Receive()",
  "local load = print load('x = 1', 'x', 't', {})",
  "function Receive() end Receive()",
  "local d = debug and debug.getinfo and debug.getinfo(1)",
  "debug.getinfo = debug.getinfo or function() end debug.getinfo(1)",
  "local ok = pcall(Receive, {})",
  "local ok = pcall(function() return Receive({}) end)",
  "load('x = 1', 'x', 't', _G) load('x = 1', 'x', 't', nil)",
  "string.pack('>I4 i8', 1, 2) string.pack(format, 1)",
  "Inbox.receive() Send({ Target = ao.id }).onReply(print)",
])("takes what works there: %s", async (text) => {
  expect(await findings(text)).toBe("loads");
});

test("comments are no problem in a bundle without them, and functions none with another module than the fleet's", async () => {
  expect(await findings("--[=[ a\n]=]", { minify: true })).toBe("loads");
  const image = { ...DEVICE, luerl: { isFleets: false } };
  expect(await findings("Receive()\ngoto a ::a::\nx = _ENV", { image })).toBe(
    "LUA_SYNTAX_MISSING 2:1; LUA_FEATURE_MISSING 3:5 _ENV",
  );
});

test("says how often, what to do instead, and nothing about the library's own code", async () => {
  const files = { "main.lua": "Receive()\nReceive()", "library.lua": "Receive()" };
  expect(await problemsOf(bundled(files, { image: DEVICE, prelude: ["library.lua"] }))).toMatchObject([
    {
      what: "main.lua uses Receive, which lua@5.3a does not have.",
      got: "Receive() (2 times in this file)",
      remedy: expect.stringMatching(/^Handle the message by `Handlers.once`.*remove `device`.*silence/),
      at: "main.lua:1:1",
    },
  ]);
});
