import type { Evaluator, ModuleSource } from "./evaluator.ts";
import type { EvaluatedMessage, ProcessRecord } from "./types.ts";

/** What a module's name is made of, and how long the longest is that is asked for. */
const NAME = /^[.A-Za-z_][\w.@/-]{0,79}$/;

/** Bytes that may stand in a name: letters, digits and `_ . @ / -`. */
const OF_NAME = new Set(Buffer.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@/-"));

/**
 * The names that an image may carry a module under: every C string in its bytes that could be one, and the packages
 * that such a name is in (`.crypto` of `.crypto.init`).
 */
function candidateNames(wasm: Uint8Array): Set<string> {
  const names = new Set<string>();
  let start = 0;
  for (let at = 0; at < wasm.length; at++) {
    const byte = wasm[at] ?? 0;
    if (OF_NAME.has(byte)) continue;
    // A C string ends with a zero; whatever stands before it may be glued to other bytes.
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

/** Answers the names that are loaded, preloaded, or found by a searcher. No module is run for it. */
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

/** Boots a process of the image and evaluates a text in it. @throws Error when the image does not, or traps */
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
 * The names of the Lua modules that an aos image carries, sorted: asked from the image itself, in a process that is
 * booted for it. Modules like `.bint` are in `package.loaded` only after their first use, so its searchers are asked.
 *
 * @throws Error when the image does not boot or cannot evaluate
 */
export async function modulesIn(evaluator: Evaluator, module: ModuleSource): Promise<string[]> {
  return (await evaluated(evaluator, module, question(candidateNames(module.wasm)))).split(" ");
}

/**
 * The largest of some sizes in bytes that the image evaluates. Images whose stack is small trap on a message that does
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
