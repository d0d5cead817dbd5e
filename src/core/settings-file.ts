import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { FleetError } from "./errors.ts";

/** Where an error of the package `yaml` is, which this room does not import. */
interface Located {
  readonly linePos?: readonly [{ readonly line: number; readonly col: number }, ...unknown[]];
}

/**
 * The content of a settings file of Pulumi, which is YAML.
 *
 * @param parse the parser
 * @throws FleetError PROJECT_UNREADABLE with the file and the line
 */
export function settingsFile(file: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [start] = (error as Located).linePos ?? [];
    throw new FleetError({
      code: "PROJECT_UNREADABLE",
      what: `Cannot read ${basename(file)}.`,
      at: start === undefined ? file : `${file}:${start.line}:${start.col}`,
      // The further lines of the message repeat the file's.
      got: error.message.split("\n")[0]?.replace(/:$/, "") ?? "",
      expected: "a file that can be read, in valid YAML",
      remedy: "Fix the file. After a merge, resolve its conflicts; indent with spaces, not with tabs.",
    });
  }
}
