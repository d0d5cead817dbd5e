import { lstat, writeFile } from "node:fs/promises";
import { FleetError } from "../../core/errors.ts";
import { replaceFile } from "../../core/replace-file.ts";

/** Writes a settings file. @throws FleetError CONFIG_FILE_NOT_WRITTEN */
export const writeConfigFile = (path: string, text: string): Promise<void> =>
  writeNamedFile(path, text, { code: "CONFIG_FILE_NOT_WRITTEN", what: "Cannot write the settings file." });

/**
 * Writes a file that a person named: a reader sees either the old or the new content. What is no file, such as a link or a pipe, is written
 * through.
 *
 * @throws FleetError with this code
 */
export async function writeNamedFile(
  path: string,
  text: string,
  problem: { readonly code: string; readonly what: string },
): Promise<void> {
  try {
    const there = await lstat(path).catch(() => undefined);
    // One that its owner made private stays private.
    if (there === undefined || there.isFile())
      await replaceFile(path, text, { mode: (there?.mode ?? 0o644) & 0o777 });
    else await writeFile(path, text);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new FleetError(
      {
        ...problem,
        at: path,
        got: message,
        expected: "a file in a folder that exists and is writable",
        remedy: "Name another file, or create its folder.",
      },
      { cause: error, isLocal: true },
    );
  }
}
