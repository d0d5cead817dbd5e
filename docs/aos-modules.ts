/**
 * `node docs/aos-modules.ts`: runs the aos images of the embedded network and writes src/bundler/aos-images.ts, the Lua modules in each of them
 * and the globals of a new process; a test compares them.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { globalsIn, largestEval, modulesIn } from "../src/localnet/image-modules.ts";
import { aosImages } from "../src/localnet/images.ts";
import { wasmEvaluator } from "../src/localnet/wasm/evaluator.ts";

const FILE = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "bundler", "aos-images.ts");

/** Sizes of the Evals that are tried, in bytes: more than any bundle needs, and the limit of an image with a stack of 64 kB. */
const SIZES = [4_000_000, 60_000];

interface Asked {
  readonly name: string;
  readonly id: string;
  readonly modules: string[];
  /** Globals of a new process. */
  readonly globals: string[];
  /** The largest Eval in bytes; absent if it is enough for every bundle. */
  readonly maxEvalBytes?: number;
}

/** The modules, the globals and the largest Eval of every image. */
export async function askedImages(): Promise<Asked[]> {
  const images = aosImages().map(({ name, id, tags, read }) => ({
    ...{ name, id, owner: "O".repeat(43), tags, wasm: read() },
  }));
  const evaluator = wasmEvaluator({ workers: 1, loadModule: (id) => images.find((each) => each.id === id) });
  try {
    const asked: Asked[] = [];
    for (const image of images) {
      const { name, id } = image;
      const modules = await modulesIn(evaluator, image);
      const globals = await globalsIn(evaluator, image);
      const largest = await largestEval(evaluator, image, SIZES);
      const small = largest === SIZES[0] ? {} : { maxEvalBytes: largest ?? 0 };
      asked.push({ name, id, modules, globals, ...small });
    }
    return asked;
  } finally {
    await evaluator.close?.();
  }
}

/** The text of src/bundler/aos-images.ts. */
function written(images: Awaited<ReturnType<typeof askedImages>>): string {
  const [first] = images;
  const all = (first?.modules ?? []).filter((name) => images.every(({ modules }) => modules.includes(name)));
  const globals = [...new Set(images.flatMap((image) => image.globals))].sort();
  const known = images.flatMap(({ name, id, modules, maxEvalBytes }) => {
    const own = modules.filter((each) => !all.includes(each)).map((each) => JSON.stringify(each));
    return [
      "  {",
      `    name: ${JSON.stringify(name)},`,
      `    id: ${JSON.stringify(id)},`,
      `    modules: [${own.join(", ")}],`,
      ...(maxEvalBytes === undefined ? [] : [`    maxEvalBytes: ${maxEvalBytes},`]),
      "  },",
    ];
  });
  return [
    "// Written by `node docs/aos-modules.ts`, which asks the images themselves. Not edited by hand.",
    "",
    "/** An aos image by its name and its id, and the modules that it carries besides those of every image. */",
    "interface AosImage {",
    "  readonly name: string;",
    "  readonly id: string;",
    "  readonly modules: readonly string[];",
    "  /** The largest Eval in bytes of JSON, where it is less than a bundle may need: its stack is small. */",
    "  readonly maxEvalBytes?: number;",
    "}",
    "",
    "/** Modules that every image below carries. */",
    "export const IN_EVERY_IMAGE: readonly string[] = [",
    ...all.map((name) => `  ${JSON.stringify(name)},`),
    "];",
    "",
    "/** Globals that a new process of any image below has. */",
    "export const IMAGE_GLOBALS: readonly string[] = [",
    ...globals.map((name) => `  ${JSON.stringify(name)},`),
    "];",
    "",
    "/** The images, the default first. */",
    "export const AOS_IMAGES: readonly AosImage[] = [",
    ...known,
    "];",
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync(FILE, written(await askedImages()));
