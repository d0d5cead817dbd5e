import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that the README shows, so that what it shows is what runs. */
function programOfReadme(): string {
  const readme = join(dirname(fileURLToPath(import.meta.url)), "../../README.md");
  const block = /```ts\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8"))?.[1];
  if (block === undefined) throw new Error("README.md has no block of TypeScript");
  return block;
}

/** Two processes that call each other, as a person would write them: the smallest fleet with an order and a circle of peers. */
export const twoProcesses: Record<string, string> = {
  "index.ts": programOfReadme(),
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
  "processes/reader/process.lua": `local fleet = require("fleet")
fleet.process{ name = "reader", processType = "READER", version = "1.0.0", capabilities = {} }
fleet.on("GREET", { who = "anyone" }, function() return { greeting = "hello" } end)
`,
};
