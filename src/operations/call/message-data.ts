import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { startOf, textOf } from "../../core/unicode.ts";
import { UsageError } from "../../core/usage-error.ts";

/** Where the data of a message comes from. */
interface DataSource {
  /** The data itself, `@` and a file, or `-` for stdin. @default an empty JSON object, or nothing if it is raw */
  readonly data?: string | undefined;
  /** Whether it may be anything but JSON. */
  readonly raw: boolean;
}

/** The data of a message, exactly as it was given. @throws UsageError BAD_DATA, DATA_UNREADABLE, TEXT_NOT_UTF8 */
export async function messageData(
  { stdin, cwd }: { readonly stdin: NodeJS.ReadableStream; readonly cwd: string },
  { data, raw }: DataSource,
): Promise<string> {
  // Actions parse their data as a JSON object, and an empty string is not valid JSON.
  if (data === undefined) return raw ? "" : "{}";
  let content = data;
  if (data !== "-" && !data.startsWith("@")) assertWholeWord(data, "--data");
  if (data === "-") content = utf8(await buffer(stdin), "stdin");
  else if (data.startsWith("@")) content = await readData(resolve(cwd, data.slice(1)));
  if (raw) return content;
  try {
    JSON.parse(content);
    return content;
  } catch (error) {
    throw new UsageError({
      code: "BAD_DATA",
      what: "Invalid data: not JSON.",
      got: startOf(content, 200),
      expected: `JSON, such as '{"id":1}'; ${error instanceof Error ? error.message : ""}`,
      remedy: "Quote it for the shell, or send it as it is with --raw.",
    });
  }
}

/** The character by which bytes of the command line that are not UTF-8 were replaced when this program got them. */
const REPLACED = "\ufffd";

/**
 * Refuses a word of the command line in which bytes may have been replaced: what they were is lost.
 *
 * @param at the option or argument
 * @throws UsageError TEXT_NOT_UTF8
 */
export function assertWholeWord(word: string, at: string): void {
  if (!word.includes(REPLACED)) return;
  throw new UsageError({
    code: "TEXT_NOT_UTF8",
    what: "The command line is not UTF-8 there, so a message cannot carry it unchanged.",
    at,
    got: startOf(word, 200),
    expected: "text in UTF-8, without U+FFFD, which stands for bytes that are not",
    remedy: "Check the terminal's encoding. Data with that character is sent from a file: --data @file",
  });
}

/** Replaced bytes would be other data than what was given, and a HyperBEAM node hands the bytes themselves to a process as nil. */
function utf8(bytes: Uint8Array, at: string): string {
  const content = textOf(bytes);
  if (content !== undefined) return content;
  throw new UsageError({
    code: "TEXT_NOT_UTF8",
    what: "The data is not UTF-8, so a message cannot carry it unchanged.",
    at,
    got: `${bytes.length} bytes`,
    expected: "text in UTF-8",
    remedy: "Encode the data, for example as base64, and decode it in the process.",
  });
}

async function readData(path: string): Promise<string> {
  try {
    return utf8(await readFile(path), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError({
      code: "DATA_UNREADABLE",
      what: "Cannot read the data file.",
      at: path,
      got: (error as NodeJS.ErrnoException).code ?? String(error),
      expected: "a readable file after the @",
      remedy: "Fix the path.",
    });
  }
}
