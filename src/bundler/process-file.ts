import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { replaceFile } from "../core/replace-file.ts";
import { PUBLIC } from "./store.ts";
import type { Bundle } from "./types.ts";

/** `build/<process>-process.lua`: the bundle for people and other tools. */
export function processFile(name: string, folder = "build"): string {
  return join(folder, `${name}-process.lua`);
}

/** Writes a bundle's text atomically. @returns the absolute path */
export async function writeProcessFile(
  made: Pick<Bundle, "name" | "text">,
  path = processFile(made.name),
): Promise<string> {
  const file = resolve(path);
  await mkdir(dirname(file), { recursive: true });
  await replaceFile(file, made.text, PUBLIC);
  return file;
}
