import { readFile } from "node:fs/promises";
import { capacityOf, type NetworkRef } from "../src/ao/network.ts";
import { readWasm } from "../src/bundler/index.ts";
import { FleetError, type Problem } from "../src/core/errors.ts";
import { moduleStore, ownModule } from "../src/fleet/code/module-store.ts";
import type { WasmModule } from "./declaration.ts";

/** `Module-Format` where none is declared: what the current aos images of either kind are. */
const FORMAT_64 = "wasm64-unknown-emscripten-draft_2024_02_15";
const FORMAT_32 = "wasm32-unknown-emscripten4";

/**
 * The name under which a process is declared with its module: an id or alias as it is, a file by its content. The file is put
 * into `.fleet/modules`; a process that needs it publishes it.
 *
 * @param at where it stands in the declaration
 * @throws FleetError MODULE_MISSING, MODULE_NOT_WASM, MODULE_WITHOUT_HANDLE, MODULE_NO_UPLOAD
 */
export async function declareModule(
  module: string | WasmModule,
  at: string,
  network: NetworkRef,
  home: string,
): Promise<string> {
  if (typeof module === "string") return module;
  const { wasm: file, format, inputEncoding, outputEncoding, memoryLimit, computeLimit, tags } = module;
  const problem = (parts: Omit<Problem, "at">) => new FleetError({ ...parts, at: `${at}.wasm` });
  const wasm = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw problem({
      code: "MODULE_MISSING",
      what: `The module ${file} cannot be read.`,
      got: error.code ?? error.message,
      expected: "a WebAssembly file, relative to the project",
      remedy: "Mend the path, or build the module first.",
    });
  });
  const facts = readWasm(wasm);
  if (!facts) {
    throw problem({
      code: "MODULE_NOT_WASM",
      what: `${file} is no whole WebAssembly module.`,
      got: `${wasm.length} bytes that begin ${wasm.subarray(0, 8).toString("hex")}`,
      expected: "a binary that begins 0061736d01000000",
      remedy: "Name the .wasm file that the compiler made.",
    });
  }
  if (!facts.exports.includes("handle")) {
    throw problem({
      code: "MODULE_WITHOUT_HANDLE",
      what: `${file} is no AO module: it does not export the function that evaluates a message.`,
      got: `exports ${facts.exports.slice(0, 8).join(", ") || "nothing"}`,
      expected: "an export named handle",
      remedy: "Build it with AO's process template, such as aos.",
    });
  }
  if (!capacityOf(network).uploads) {
    throw problem({
      code: "MODULE_NO_UPLOAD",
      what: `${file} cannot be published: the network has no upload service.`,
      got: "no `uploadUrl`",
      expected: "a service that takes data items, such as https://up.arweave.net",
      remedy: "Give the network an `uploadUrl`, or publish the module yourself and declare its id.",
    });
  }
  const hash = await moduleStore(home).put({
    wasm,
    tags: {
      "Data-Protocol": "ao",
      Variant: "ao.TN.1",
      Type: "Module",
      "Module-Format": format ?? (facts.is64 ? FORMAT_64 : FORMAT_32),
      "Input-Encoding": inputEncoding,
      "Output-Encoding": outputEncoding,
      "Memory-Limit": memoryLimit,
      "Compute-Limit": computeLimit,
      "Content-Type": "application/wasm",
      ...tags,
    },
  });
  return ownModule(hash);
}
