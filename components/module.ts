import { readFile } from "node:fs/promises";
import { capacityOf, type NetworkRef } from "../src/ao/network.ts";
import { readWasm } from "../src/bundler/index.ts";
import { FleetError, type Problem } from "../src/core/errors.ts";
import { moduleStore, ownModule } from "../src/fleet/code/module-store.ts";
import type { WasmModule } from "./declaration.ts";

/** Default values of `Module-Format`: those of the current 64-bit and 32-bit aos images. */
const FORMAT_64 = "wasm64-unknown-emscripten-draft_2024_02_15";
const FORMAT_32 = "wasm32-unknown-emscripten4";

/**
 * The module's name in a process' declared data: an id or alias unchanged, a file by its content hash. The file is copied into
 * `.fleet/modules`; the first process that needs it publishes it.
 *
 * @param at path of the module in the declaration
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
      remedy: "Fix the path, or build the module first.",
    });
  });
  const facts = readWasm(wasm);
  if (!facts) {
    throw problem({
      code: "MODULE_NOT_WASM",
      what: `${file} is not a complete WebAssembly module.`,
      got: `${wasm.length} bytes that start with ${wasm.subarray(0, 8).toString("hex")}`,
      expected: "a binary that starts with 0061736d01000000",
      remedy: "Declare the .wasm file that the compiler wrote.",
    });
  }
  if (!facts.exports.includes("handle")) {
    throw problem({
      code: "MODULE_WITHOUT_HANDLE",
      what: `${file} is not an AO module: it does not export the function that evaluates a message.`,
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
      expected: "a service that accepts data items, such as https://up.arweave.net",
      remedy: "Set `uploadUrl` of the network, or publish the module yourself and declare its id.",
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
