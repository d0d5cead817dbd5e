import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FleetError } from "../../core/errors.ts";

/**
 * Writes the files of a new project: all of them, or none. They are written to a temporary folder and moved from there, so that a failure,
 * such as a full disk, leaves nothing behind.
 *
 * @param folder does not exist, or is empty
 * @throws FleetError PROJECT_NOT_WRITTEN
 */
export function writeProject(folder: string, files: ReadonlyMap<string, string>): void {
  let made: string | undefined;
  try {
    made = mkdirSync(folder, { recursive: true });
    fill(folder, files);
  } catch (error) {
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new FleetError({
      code: "PROJECT_NOT_WRITTEN",
      what: "The project could not be written. Nothing of it is left.",
      at: folder,
      got: error.message,
      expected: "a folder that this account may write to, and space on the disk",
      remedy: "Fix what the error says, then run this again; or name another folder.",
    });
  }
}

/** Moves the entries one by one: the folder itself may be the working folder of a shell, which would not follow a replaced one. */
function fill(folder: string, files: ReadonlyMap<string, string>): void {
  const draft = mkdtempSync(join(folder, ".new-project-"));
  const moved: string[] = [];
  try {
    for (const [path, text] of files) {
      const file = join(draft, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const present = new Set(readdirSync(folder).filter((entry) => entry !== basename(draft)));
    for (const entry of readdirSync(draft)) {
      if (present.has(entry)) throw Object.assign(new Error(`${entry} exists already`), { code: "EEXIST" });
      renameSync(join(draft, entry), join(folder, entry));
      moved.push(join(folder, entry));
    }
  } catch (error) {
    for (const path of moved) rmSync(path, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
