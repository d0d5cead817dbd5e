import { describe, expect, test } from "vitest";
import { aos, evaluate, IMAGES } from "./aos.ts";
import { bundled } from "./project.ts";

const LIST =
  'local t = {} for _, h in ipairs(Handlers.list) do t[#t + 1] = h.name end return table.concat(t, " ")';

describe("an old and a new bundle in one process", () => {
  test("new code takes over, in lazy requires and for a later Eval too", async () => {
    const main = 'function Ask() return require("late").v .. require("a").v end';
    const old = await bundled({
      "main.lua": main,
      "a.lua": "return { v = 1 }",
      "late.lua": "return { v = 1 }",
    });
    const now = await bundled({
      "main.lua": main,
      "a.lua": "return { v = 2 }",
      "late.lua": "return { v = 2 }",
    });
    expect(await evaluate(old.text, "return Ask()", now.text, 'return Ask() .. require("a").v')).toBe("222");
  });

  test("one instance per file, also when loaded twice", async () => {
    const { text } = await bundled({
      "main.lua": 'A, B = require("a"), require("./a")',
      "a.lua": "LOADS = (LOADS or 0) + 1 return {}",
    });
    expect(
      await evaluate(text, text, 'return tostring(A == B) .. tostring(A == require("a")) .. LOADS'),
    ).toBe("truetrue2");
  });

  test("removed modules can no longer be required", async () => {
    const old = await bundled({ "main.lua": 'require("a")', "a.lua": "return 1" });
    const now = await bundled({ "main.lua": "" });
    expect(await evaluate(old.text, now.text, 'return tostring(pcall(require, "a"))')).toBe("false");
  });

  test("removed handlers are gone, the others are in the new order, foreign ones stay", async () => {
    const add = (name: string) => `Handlers.add("${name}", "${name}", function() end)`;
    const old = await bundled({ "main.lua": ["a", "gone", "last"].map(add).join("\n") });
    const now = await bundled({ "main.lua": ["new", "a", "last"].map(add).join("\n") });
    expect(await evaluate(add("before"), old.text, add("after"), LIST)).toBe(
      "_eval _default before a gone last after",
    );
    expect(await evaluate(add("before"), old.text, add("after"), now.text, LIST)).toBe(
      "_eval _default before new a last after",
    );
  });

  test("a handler that is registered again with the same function stays", async () => {
    const main =
      'Keep = Keep or function(m) ao.send({ Target = m.From, Data = "kept" }) end\nHandlers.add("k", "K", Keep)';
    const { text } = await bundled({ "main.lua": main });
    const results = await aos([{ eval: text }, { eval: text }, { eval: text }, { action: "K" }]);
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
    expect(results[3]?.messages[0]?.data).toBe("kept");
  });

  test("aos' own modules stay", async () => {
    const { text } = await bundled({
      "main.lua": 'require("json")',
      "json.lua": "return 1",
      "utils.lua": "return 2",
    });
    const check = 'return require("json").encode({ 1 }) .. tostring(require(".utils") == Utils)';
    expect(await evaluate(text, text, check)).toBe("[1]true");
  });

  test("bundles with two names coexist", async () => {
    const one = await bundled({ "main.lua": 'Handlers.add("one", "One", print)' }, { name: "one" });
    const two = await bundled({ "main.lua": 'Handlers.add("two", "Two", print)' }, { name: "two" });
    expect(await evaluate(one.text, two.text, one.text, LIST)).toBe("_eval _default one two");
  });

  test("an error while loading restores handlers and modules, even if the memory is not discarded", async () => {
    const old = await bundled({
      "main.lua": 'require("a") Handlers.add("h", "H", print)',
      "a.lua": "return 'old'",
    });
    const bad = await bundled({
      "main.lua": 'require("a") Handlers.add("h", "X", error) Handlers.add("n", "N", print) error("no")',
      "a.lua": "return 'bad'",
    });
    const kept = `local f = load(${JSON.stringify(bad.text)}, "aos") local ok, why = pcall(f)
      local t = {} for _, h in ipairs(Handlers.list) do t[#t + 1] = h.name .. tostring(h.pattern) end
      return tostring(ok) .. why .. require("a") .. tostring(t[3]) .. #t`;
    expect(await evaluate(old.text, kept)).toMatch(/^false\[string "aos"\]:\d+: nooldhH3$/);
  });

  test("an error value that is a table becomes a string that aos can show", async () => {
    const { text } = await bundled({ "main.lua": 'error({ code = "NOPE", message = "not now" })' });
    const [result] = await aos([{ eval: text }]);
    expect(result?.error).toContain("NOPE: not now");
  });
});

test.each(IMAGES)("loads, reloads and answers in %s", async (image) => {
  const main = `local a = require("lib.a")
Handlers.add("ask", function(m) return m.Action == "Ask" end, function(m) ao.send({ Target = m.From, Data = a.answer() }) end)`;
  const files = (answer: string) => ({
    "main.lua": main,
    "lib/a.lua": `return { answer = function() return "${answer}" end }`,
  });
  const [old, now] = [await bundled(files("old")), await bundled(files("new"))];
  const ask = { action: "Ask" };
  const results = await aos([{ eval: `${old.text}\nreturn "done"` }, ask, { eval: now.text }, ask], image);
  expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
  expect(results[0]?.output).toContain("done");
  expect([results[1]?.messages[0]?.data, results[3]?.messages[0]?.data]).toEqual(["old", "new"]);
});
