import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { FleetError } from "../core/errors.ts";
import { ifMissing } from "../core/missing.ts";
import { replaceFile } from "../core/replace-file.ts";

/** Writes a file atomically: even after a crash, a reader sees either the old or the new content. */
export const writeAtomically = (path: string, text: string): Promise<void> => write(path, text);

/** The same for bytes. */
export const writeBytesAtomically = (path: string, bytes: Uint8Array): Promise<void> => write(path, bytes);

async function write(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
}

/**
 * The parsed JSON of a file, or undefined if it does not exist.
 *
 * @throws FleetError FILE_DAMAGED if the file is not JSON, so that it is not silently overwritten
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch(ifMissing(undefined));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FleetError(
      {
        code: "FILE_DAMAGED",
        what: "A file that fleet wrote is damaged, as after a full disk.",
        at: path,
        got: (error as SyntaxError).message,
        expected: "the JSON text as it was written",
        remedy: "Restore the file, or remove it: the next pulumi up writes it again.",
      },
      { cause: error },
    );
  }
}
