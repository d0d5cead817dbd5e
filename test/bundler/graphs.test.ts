import fc from "fast-check";
import { expect, test } from "vitest";
import { luaString } from "../../src/bundler/index.ts";
import { evaluate } from "./aos.ts";
import { bundled } from "./project.ts";

/** An action of a module while it loads; `to` is taken modulo the modules that it may refer to. */
const action = fc.record({
  kind: fc.constantFrom(
    "require",
    "require",
    "string",
    "brackets",
    "local",
    "pcall",
    "missing",
    "again",
    "lazy",
    "call",
  ),
  to: fc.nat(99),
});
const ending = fc.constantFrom(
  "return M",
  "return M",
  "",
  "return nil",
  "return false",
  "return 'text'",
  "return 7, 8",
);
const module = fc.record({
  name: fc.constantFrom("m%", "lib.m%", "a-b.m%", "lib/m%", "x_y.m%", "deep.er.m%", "@s/m%"),
  actions: fc.array(action, { maxLength: 3 }),
  ending,
  failsOnce: fc.boolean(),
});
const graph = fc.array(module, { minLength: 1, maxLength: 7 });
type Graph = Parameters<Parameters<typeof graph.map>[0]>[0];

/** Modules by name. Requires while loading lead to later modules only, those in functions to any module. */
function sources(modules: Graph): Map<string, string> {
  const names = modules.map(({ name }, i) => name.replace("%", String(i)));
  const texts = modules.map(({ actions, ending, failsOnce }, i) => {
    const lines = [`local name = ...`, `T("load " .. tostring(name))`, "local M = {}", "M.id = name"];
    if (failsOnce) lines.push(`if not ONCE[${i}] then ONCE[${i}] = true error("fails ${i}", 0) end`);
    for (const { kind, to } of actions) {
      const later = names[i + 1 + (to % Math.max(1, names.length - i - 1))];
      const any = names[to % names.length] ?? "";
      if (kind === "lazy") lines.push(`function M.later() T(S(require("${any}"))) end`);
      else if (kind === "missing") lines.push('T(tostring(pcall(require, "not.there")))');
      else if (kind === "call") lines.push(`LATER[#LATER + 1] = function() T(S(require("${any}"))) end`);
      else if (later !== undefined) lines.push(use(kind, later));
    }
    return [...lines, ending].join("\n");
  });
  return new Map(names.map((name, i) => [name, texts[i] ?? ""]));
}

function use(kind: string, name: string): string {
  switch (kind) {
    case "string":
      return `T(S(require "${name}"))`;
    case "brackets":
      return `T(S(require[[${name}]]))`;
    case "local":
      return `do local require = require T(S(require('${name}'))) end`;
    case "pcall":
      return `T(S(select(2, pcall(require, "${name}"))))`;
    case "again":
      return `T(tostring(require("${name}") == require("${name}")))`;
    default:
      return `T(S(require("${name}")))`;
  }
}

const MAIN = (names: string[]): string =>
  `${names.map((name) => `T("main " .. S(select(2, pcall(require, "${name}"))))`).join("\n")}
local first = require("${names[0]}")
T(S(first))
for i = 1, #LATER do T(tostring((pcall(LATER[i])))) end`;

/** Runs the same program with plain `require` over `package.preload`, then as a bundle; returns both traces. */
async function compare(graphs: Graph[]): Promise<{ plain: string; bundle: string }[]> {
  const cases = await Promise.all(
    graphs.map(async (modules) => {
      const texts = sources(modules);
      const main = MAIN([...texts.keys()]);
      const files: Record<string, string> = { "main.lua": main };
      for (const [name, text] of texts) files[`${name.replaceAll(".", "/")}.lua`] = text;
      const { text } = await bundled(files);
      const plain = [...texts].map(([name, text]) => `[${luaString(name)}] = ${luaString(text)}`).join(", ");
      return `{ plain = { ${plain} }, main = ${luaString(main)}, bundle = ${luaString(text)} }`;
    }),
  );
  const output = await evaluate(`
    local out = {}
    local function trace(before, text)
      local t = {}
      T = function(s) t[#t + 1] = s end
      S = function(v) return type(v) == "table" and "table " .. tostring(v.id) or tostring(v) end
      ONCE, LATER = {}, {}
      local loaded = {}
      for k in pairs(package.loaded) do loaded[k] = true end
      before()
      local ok, why = pcall(load(text, "=x"))
      t[#t + 1] = tostring(ok) .. " " .. (ok and "" or tostring(why))
      for k in pairs(package.loaded) do if not loaded[k] then package.loaded[k] = nil end end
      for k in pairs(package.preload) do package.preload[k] = nil end
      return table.concat(t, ";")
    end
    for _, case in ipairs{ ${cases.join(",\n")} } do
      out[#out + 1] = {
        plain = trace(function()
          for name, text in pairs(case.plain) do package.preload[name] = assert(load(text, "=" .. name)) end
        end, case.main),
        bundle = trace(function() end, case.bundle),
      }
    end
    return require("json").encode(out)`);
  return JSON.parse(output) as { plain: string; bundle: string }[];
}

test("random module graphs behave as with plain require", { timeout: 120_000 }, async () => {
  let loads = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(graph, { minLength: 25, maxLength: 25 }), async (graphs) => {
      for (const { plain, bundle } of await compare(graphs)) {
        expect(bundle).toBe(plain);
        loads += plain.split("load ").length - 1;
      }
    }),
    { numRuns: 6, endOnFailure: true },
  );
  // The comparison means something only if the graphs really load modules.
  expect(loads).toBeGreaterThan(300);
});
