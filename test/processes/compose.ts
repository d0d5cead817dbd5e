/** The text that a deploy would send for a process of this repository: guard, bundle and commit as one Eval. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundle, bundle } from "../../src/bundler/index.ts";
import type { RestoredState } from "../../src/fleet/code/commit.ts";
import { composeProgram } from "../../src/fleet/code/program.ts";
import { FACTS } from "../setup/shared.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const LIBRARY = "src/runtime/fleet/init.lua";

export interface ProgramOptions {
  epoch?: number;
  release?: string;
  version?: string;
  /** Lua code that replaces the process' own entry. */
  source?: string;
  /** Modules next to that entry: file name → Lua. */
  files?: Readonly<Record<string, string>>;
  /** The states that it is loaded with. */
  state?: RestoredState;
  /** Whether another program ran in the process before. */
  adopted?: boolean;
  /** Whether to keep state from messages. */
  keeps?: boolean;
  /** Whether the run accepts that state is lost. */
  accepts?: boolean;
  /** Whether the network may evaluate the load again. */
  repeats?: boolean;
}

const bundles = new Map<string, Promise<Bundle>>();

/** A process' program; `name` is its folder unless a source is given. */
export async function program(name: string, options: ProgramOptions = {}): Promise<string> {
  const key = `${name}\n${options.source ?? ""}\n${JSON.stringify(options.files ?? {})}`;
  const found = bundles.get(key) ?? make(name, options.source, options.files);
  bundles.set(key, found);
  const { text, hash } = await found;
  const commit = {
    process: name,
    release: options.release ?? "r1",
    sourceHash: hash,
    version: options.version ?? "1.0.0",
    epoch: options.epoch ?? 1,
    ...(options.adopted === undefined ? {} : { adopted: options.adopted }),
    ...(options.keeps === undefined ? {} : { keeps: options.keeps }),
    ...(options.accepts === undefined ? {} : { accepts: options.accepts }),
    ...(options.repeats === undefined ? {} : { repeats: options.repeats }),
  };
  return composeProgram(text, commit, options.state).text;
}

async function make(
  name: string,
  source: string | undefined,
  files: Readonly<Record<string, string>> = {},
): Promise<Bundle> {
  const library = { folder: join(ROOT, "src/runtime"), label: "ao-fleet" };
  const facts = process.env[FACTS];
  const options = {
    ...{ name, root: ROOT, library, prelude: [LIBRARY], search: ["src/runtime", "processes"] },
    ...(facts === undefined ? {} : { cache: facts }),
  };
  if (source === undefined) return bundle({ ...options, entry: `processes/${name}/process.lua` });
  const folder = mkdtempSync(join(tmpdir(), "fleet-lua-"));
  try {
    for (const [file, text] of Object.entries({ ...files, "process.lua": source }))
      writeFileSync(join(folder, file), text);
    return await bundle({ ...options, entry: join(folder, "process.lua") });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
