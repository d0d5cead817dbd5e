import { isUtf8 } from "node:buffer";
import { sha256 } from "../core/hash.ts";
import { escapeForeignBytes } from "./foreign-bytes.ts";

/** A Lua file as the bundler sees it: valid Unicode, `\n` line ends, no byte-order mark, no `#!` line. */
interface Source {
  readonly text: string;
  /** sha256 of `text`: the same on every machine, whatever its line ends. */
  readonly hash: string;
}

/** Lua counts `\r\n`, `\n\r`, `\r` and `\n` each as one line end, inside long strings too, so this changes no meaning. */
const LINE_END = /\r\n|\n\r|\r/g;

/** Reads a Lua file's bytes. Bytes that are not UTF-8 become escapes inside strings. */
export function readSource(bytes: Buffer): Source {
  let text = isUtf8(bytes) ? bytes.toString("utf8") : escapeForeignBytes(bytes);
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (text.includes("\r")) text = text.replace(LINE_END, "\n");
  // The stand-alone interpreter skips a first line that starts with `#`; in a bundle it would not compile.
  text = text.replace(/^#[^\n]*/, "");
  return { text, hash: sha256(text) };
}

/** 1-based line and column (UTF-16 units) of an offset. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf("\n"); next !== -1 && next < offset; next = text.indexOf("\n", next + 1)) {
    line++;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}

/** Number of lines: one more than the number of line ends, so an unterminated last line counts. */
export function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
