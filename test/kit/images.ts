import { readFileSync } from "node:fs";
import { AOS_IMAGE_FILES } from "../../src/core/aos-images.ts";
import { findImage } from "../../src/localnet/images.ts";

/** The path of an aos image on this machine, by its file name; `test/setup/images.ts` has fetched it. */
export function imagePath(file: string): string {
  const known = AOS_IMAGE_FILES.find((image) => image.file === file);
  const found = known && findImage(known);
  if (found === undefined) throw new Error(`no image ${file} on this machine`);
  return found.path;
}

export const imageBytes = (file: string): Buffer => readFileSync(imagePath(file));
