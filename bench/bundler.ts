/**
 * Measures bundling, compared with luabundle on the same files. Run: `node bench/bundler.ts [--json]`.
 * Each cold figure comes from its own process, so that nothing is cached or warmed up. Other load on the machine
 * widens the spread, so the best and the median are shown.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../src/bundler/index.ts";

interface Input {
  readonly label: string;
  readonly modules: number;
  readonly bytes: number;
  /** The project's target for a cold run, in milliseconds. */
  readonly limit?: number;
}

const INPUTS: readonly Input[] = [
  { label: "21 modules, 400 kB", modules: 21, bytes: 400_000, limit: 150 },
  { label: "40 modules, 1 MB", modules: 40, bytes: 1_000_000, limit: 400 },
  { label: "2,000 modules, 4 MB", modules: 2_000, bytes: 4_000_000 },
];
const ROUNDS = 7;

const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A chain of modules that resembles a process' game code: functions, tables, comments. */
function generate(folder: string, { modules, bytes }: Input): void {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < modules; i++) {
    const parts = [i + 1 < modules ? `local successor = require("m${i + 1}")\n` : "", "local M = {}\n"];
    let length = 30;
    for (let k = 0; length < bytes / modules; k++) {
      const part = `--- Computes move ${k}.
function M.move_${k}(attacker, defender, field)
  local power = attacker.level * ${k} + 2 -- base
  if defender.shield and power > 10 then
    return { kind = "blocked", power = power // 2, text = "move ${k} was blocked" }
  end
  for index, effect in ipairs(field.effects) do
    power = power + effect.modifier * index
  end
  return { kind = "hit", power = power }
end
`;
      parts.push(part);
      length += part.length;
    }
    writeFileSync(join(folder, i === 0 ? "main.lua" : `m${i}.lua`), `${parts.join("")}return M\n`);
  }
}

/** One cold run in this process; prints its milliseconds. */
async function runOnce(tool: string, folder: string): Promise<void> {
  if (tool === "luabundle") {
    const luabundle = createRequire(import.meta.url)("luabundle") as {
      bundle(file: string, options: object): string;
    };
    const start = milliseconds();
    luabundle.bundle(join(folder, "main.lua"), { paths: [join(folder, "?.lua")], luaVersion: "5.3" });
    console.log(milliseconds() - start);
    return;
  }
  const start = milliseconds();
  await bundle({
    name: "bench",
    entry: "main.lua",
    root: folder,
    ...(tool === "cached" ? { cache: join(folder, ".cache") } : {}),
  });
  console.log(milliseconds() - start);
}

function measure(tool: string, folder: string): { best: number; median: number } | undefined {
  const self = fileURLToPath(import.meta.url);
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    try {
      const flags = ["--no-warnings", self, "--once", tool, folder];
      times.push(
        Number(
          execFileSync(process.execPath, flags, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
        ),
      );
    } catch {
      return undefined; // The tool cannot bundle this input.
    }
  }
  times.sort((a, b) => a - b);
  return { best: times[0] ?? 0, median: times[ROUNDS >> 1] ?? 0 };
}

async function main(): Promise<void> {
  const [flag, tool, folder] = process.argv.slice(2);
  if (flag === "--once" && tool !== undefined && folder !== undefined) {
    await runOnce(tool, folder);
    return;
  }
  const home = mkdtempSync(join(tmpdir(), "fleet-bench-"));
  try {
    const rows = INPUTS.map((input, i) => {
      const folder = join(home, String(i));
      generate(folder, input);
      const ours = measure("ours", folder);
      measure("cached", folder);
      return { ...input, ours, cached: measure("cached", folder), luabundle: measure("luabundle", folder) };
    });
    if (flag === "--json") {
      console.log(JSON.stringify(rows, null, 2));
      return;
    }
    const ms = (time: { best: number; median: number } | undefined): string =>
      time ? `${time.best.toFixed(0)} (${time.median.toFixed(0)}) ms` : "fails";
    for (const { label, ours, cached, luabundle, limit } of rows) {
      const ratio = ours && luabundle ? `${(luabundle.best / ours.best).toFixed(1)} x` : "-";
      console.log(
        `${label}: cold ${ms(ours)}${limit === undefined ? "" : ` of ${limit}`}, unchanged ${ms(cached)}, luabundle ${ms(luabundle)}, ${ratio} as fast`,
      );
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

await main();
