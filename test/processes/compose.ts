/** The text that a deploy would send for a process of this repository. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { sha256 } from "../../core/hash.ts";

const ROOT = join(import.meta.dirname, "..", "..", "processes");

/** A program: the guard, the bundle and the commit as one Eval. */
export interface Program {
  readonly text: string;
  readonly sourceHash: string;
}

export interface ProgramOptions {
  epoch?: number;
  release?: string;
  version?: string;
  /** Lua put in the place of the process' own entry. */
  source?: string;
}

export function program(name: string, options: ProgramOptions = {}): Program {
  const body = bundleText(name, options.source);
  const sourceHash = sha256(body);
  const epoch = options.epoch ?? 1;
  const guard = `local __e = ${epoch}; if Fleet and Fleet.guard then local refused = Fleet.guard(__e) if refused then return refused end end`;
  const marker = [
    `release="${options.release ?? "r1"}"`,
    `sourceHash="${sourceHash}"`,
    `version="${options.version ?? "1.0.0"}"`,
    `epoch=${epoch}`,
    `process="${name}"`,
  ].join(", ");
  return { text: `${guard}\n${body}\nreturn Fleet.commit({ ${marker} })`, sourceHash };
}

/** Every module as a preloaded function, the library first, then the entry. */
function bundleText(name: string, source: string | undefined): string {
  const modules = new Map<string, string[]>();
  for (const file of luaFiles(join(ROOT, "lib"))) {
    const module = moduleName(relative(join(ROOT, "lib"), file));
    modules.set(file, [module]);
  }
  const folder = join(ROOT, name);
  if (source === undefined) {
    for (const file of luaFiles(folder)) {
      const short = moduleName(relative(folder, file));
      modules.set(file, [short, `${name}.${short}`, `processes.${name}.${short}`]);
    }
  }
  const parts = ["do local make, seen = {}, {}"];
  for (const [file, names] of modules) {
    parts.push(`make[#make + 1] = function(...)\n${readFileSync(file, "utf8")}\nend`);
    for (const each of names) {
      const key = JSON.stringify(each);
      parts.push(
        `do local i = #make; package.loaded[${key}] = nil; package.preload[${key}] = function(...) if not seen[i] then seen[i] = { make[i](...) } end return seen[i][1] end end`,
      );
    }
  }
  parts.push(`end require("fleet")`);
  parts.push(source === undefined ? `require("process")` : `do ${source}\nend`);
  return parts.join("\n");
}

function moduleName(file: string): string {
  return file
    .replace(/\.lua$/, "")
    .split(sep)
    .join(".")
    .replace(/\.init$/, "");
}

function luaFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".lua"))
    .sort()
    .map((file) => join(folder, file));
}
