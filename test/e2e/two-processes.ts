import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The block of a language under the README's "A fleet in ten lines", so that the tests run what the README shows. */
function shown(language: "ts" | "yaml" | "lua"): string {
  const readme = join(dirname(fileURLToPath(import.meta.url)), "../../README.md");
  const section = readFileSync(readme, "utf8").split("## A fleet in ten lines")[1] ?? "";
  const block = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(section)?.[1];
  if (block === undefined) throw new Error(`README.md has no block of ${language}`);
  return block;
}

/** Two processes that call each other, as a person would write them: the smallest fleet with an order and a cycle of peers. */
export const twoProcesses: Record<string, string> = {
  "index.ts": shown("ts"),
  "processes/counter/process.lua": `local fleet = require("fleet")
local adding = require("adding")
fleet.process{ name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = { "COUNTING" } }
local S = fleet.state("counter", { n = 0 })
fleet.on("ADD", { who = "anyone", schema = { by = { type = "integer", required = true } } }, function(data)
  S.n = adding.add(S.n, data.by)
  return { n = S.n }
end)
`,
  "processes/counter/adding.lua": "return { add = function(a, b) return a + b end }\n",
  "processes/reader/process.lua": shown("lua"),
};

/** The same as in the README, with the project's file. */
export const ownProject: Record<string, string> = { "Pulumi.yaml": shown("yaml"), ...twoProcesses };

/** The same without `"type": "module"`: Pulumi compiles it, and the program is a function that it calls. */
export const classicProject: Record<string, string> = {
  ...twoProcesses,
  "package.json": JSON.stringify({ name: "classic", main: "index.ts" }),
  "Pulumi.yaml": shown("yaml").replace("name: two", "name: classic"),
  "index.ts": shown("ts")
    .replace("const config =", "export = async () => {\nconst config =")
    .replace("export const processes = fleet.processes;", "return { processes: fleet.processes };\n};"),
};
