import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { replaceFile } from "../core/replace-file.ts";

/** Writes a file atomically: even after a crash, a reader sees either the old or the new content. */
export const writeAtomically = (path: string, text: string): Promise<void> => write(path, text);

/** The same for bytes. */
export const writeBytesAtomically = (path: string, bytes: Uint8Array): Promise<void> => write(path, bytes);

async function write(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
}

/** The parsed JSON of a file, or undefined if it does not exist. Throws if the file is not JSON, so that it is not silently overwritten. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text);
}
