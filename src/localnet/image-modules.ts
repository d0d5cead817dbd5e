import type { Evaluator, ModuleSource } from "./evaluator.ts";
import type { EvaluatedMessage, ProcessRecord } from "./types.ts";

/** The syntax of a module's name, with the maximum length that is probed. */
const NAME = /^[.A-Za-z_][\w.@/-]{0,79}$/;

/** Bytes that a name can contain: letters, digits and `_ . @ / -`. */
const OF_NAME = new Set(Buffer.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@/-"));

/**
 * The possible names of an image's modules: every C string in its bytes that could be one, and the packages
 * of such a name (`.crypto` of `.crypto.init`).
 */
function candidateNames(wasm: Uint8Array): Set<string> {
  const names = new Set<string>();
  let start = 0;
  for (let at = 0; at < wasm.length; at++) {
    const byte = wasm[at] ?? 0;
    if (OF_NAME.has(byte)) continue;
    // A C string ends with a zero; other bytes may directly precede it.
    if (byte === 0 && at > start && at - start <= 80) {
      const name = Buffer.from(wasm.subarray(start, at)).toString("latin1");
      for (let part = name; NAME.test(part); part = part.slice(0, Math.max(0, part.lastIndexOf(".")))) {
        names.add(part);
      }
    }
    start = at + 1;
  }
  return names;
}

/** Lua code that returns the names that are loaded, preloaded, or found by a searcher, without running a module. */
const question = (names: Iterable<string>): string => `
local found = {}
local function note(name) if type(name) == "string" then found[name] = true end end
for name in pairs(package.loaded) do note(name) end
for name in pairs(package.preload) do note(name) end
for name in ([[${[...names].join(" ")}]]):gmatch("%S+") do
  for _, searcher in ipairs(package.searchers) do
    local loader = not found[name] and searcher(name)
    if type(loader) == "function" then note(name) end
  end
end
local list = {}
for name in pairs(found) do list[#list + 1] = name end
table.sort(list)
return table.concat(list, " ")`;

const OWNER = "O".repeat(43);

/** Boots a process of the image and evaluates code in it. @throws Error if the image fails or traps */
async function evaluated(evaluator: Evaluator, { id: module }: ModuleSource, code: string): Promise<string> {
  const tags = Object.entries({ Type: "Process", Module: module }).map(([name, value]) => ({ name, value }));
  const process: ProcessRecord = { id: "M".repeat(43), owner: OWNER, module, scheduler: OWNER, tags };
  let memory: Uint8Array | null = null;
  let nonce = 0;
  const evaluate = async (fields: Partial<EvaluatedMessage>) => {
    const message = {
      ...{ Id: String(nonce).padStart(43, "m"), Owner: OWNER, From: OWNER, Target: process.id, Epoch: 0 },
      ...{ Nonce: nonce, Cron: false, Timestamp: 1_700_000_000_000 + nonce++, "Block-Height": 1_500_000 },
      ...{ Tags: [], Data: " ", ...fields },
    };
    const made = await evaluator.evaluate({ process, memory, message, dryRun: false });
    memory = made.memory;
    if (made.result.Error !== undefined) throw new Error(`${module}: ${made.result.Error}`);
    return made.result.Output;
  };
  await evaluate({ Id: process.id, Tags: tags });
  const output = await evaluate({ Tags: [{ name: "Action", value: "Eval" }], Data: code });
  const { data } = output as { data: string | { output: unknown } };
  return String(typeof data === "object" ? data.output : data).trim();
}

/**
 * The sorted names of an aos image's Lua modules, as reported by a process that is booted from the image. Modules like
 * `.bint` are in `package.loaded` only after their first use, so the searchers are also called.
 *
 * @throws Error if the image does not boot or cannot evaluate
 */
export async function modulesIn(evaluator: Evaluator, module: ModuleSource): Promise<string[]> {
  return (await evaluated(evaluator, module, question(candidateNames(module.wasm)))).split(" ");
}

/** The sorted names of the globals that a new process of an aos image has. @throws Error as `modulesIn` */
export async function globalsIn(evaluator: Evaluator, module: ModuleSource): Promise<string[]> {
  const code = `local list = {}
for name in next, _G do if type(name) == "string" then list[#list + 1] = name end end
table.sort(list)
return table.concat(list, " ")`;
  return (await evaluated(evaluator, module, code)).split(" ");
}

/**
 * The largest of the given sizes in bytes that the image evaluates. Images with a small stack trap on a message that does
 * not fit into it.
 */
export async function largestEval(
  evaluator: Evaluator,
  module: ModuleSource,
  sizes: readonly number[],
): Promise<number | undefined> {
  for (const size of [...sizes].sort((a, b) => b - a)) {
    const answer = await evaluated(evaluator, module, `return "fits" --${"x".repeat(size - 16)}`).catch(
      () => undefined,
    );
    if (answer?.includes("fits") === true) return size;
  }
  return undefined;
}
