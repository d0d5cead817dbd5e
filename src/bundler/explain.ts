import type { MappedModule, SourceMap } from "./types.ts";

/** A Lua error that refers to the user's own source. */
interface ExplainedError {
  /** The error without aos' colours, wrappers and printed lines; its positions are those of the user's sources. */
  readonly message: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based: the name that the error mentions, or the first character of the line. Lua itself reports only lines. */
  readonly column?: number;
  /** The source line. */
  readonly source?: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours start with the escape character
const COLOURS = /\x1b\[[0-9;]*m/g;
/** The chunk that aos evaluates is called `aos`; its own modules have leading dots. */
const USER_PLACE = /\[string "aos"\]:(\d+):/g;
const LEADING_PLACE = /^\s*\[string "([^"\n]*)"\]:(\d+): ?/;

/**
 * Maps an error that a process or unit returned to the user's source.
 *
 * @param offsetLines number of lines before the bundle's text in the evaluated program
 */
export function explainLuaError(raw: string, map: SourceMap, offsetLines = 0): ExplainedError {
  let rest = unwrap(raw.replace(COLOURS, ""));
  let place: { module: MappedModule; line: number } | undefined;
  // An error that was raised again lists the positions that it passed; the last one is its origin.
  let foreign = "";
  for (let lead = LEADING_PLACE.exec(rest); lead; lead = LEADING_PLACE.exec(rest)) {
    const found = lead[1] === "aos" ? locate(map, Number(lead[2]) - offsetLines) : undefined;
    if (found) place = found;
    else if (lead[1] === "aos") foreign = lead[0];
    rest = rest.slice(lead[0].length);
  }
  if (!place) rest = foreign + rest;
  const message = rest
    .replace(USER_PLACE, (whole, line: string) => {
      const found = locate(map, Number(line) - offsetLines);
      return found ? `${found.module.file}:${found.line}:` : whole;
    })
    .trim();
  if (!place) return { message };
  const source = place.module.source.split("\n")[place.line - 1] ?? "";
  return {
    message,
    file: place.module.file,
    line: place.line,
    column: columnOf(source, message),
    source,
  };
}

/** `file:line:column: message` and the source line with a caret under the column; several lines for a terminal. */
export function formatLuaError(error: ExplainedError): string {
  if (error.file === undefined) return error.message;
  const { file, line, column = 1 } = error;
  const lead = `${line} | `;
  const { text, mark } = excerptOf(error);
  return `${file}:${line}:${column}: ${error.message}\n  ${lead}${text}\n  ${" ".repeat(lead.length + mark)}^`;
}

/** Maximum characters of a source line that are shown; lines with data can be very long. */
const SHOWN = 160;

/** The source line around its column, and the 0-based index of the column in it. */
export function excerptOf({ source = "", column = 1 }: Pick<ExplainedError, "source" | "column">): {
  text: string;
  mark: number;
} {
  const line = source.replace(/\t/g, " ");
  if (line.length <= SHOWN) return { text: line, mark: column - 1 };
  const start = Math.max(0, Math.min(column - 1 - SHOWN / 2, line.length - SHOWN));
  const end = start + SHOWN;
  const text = `${start > 0 ? "…" : ""}${line.slice(start, end)}${end < line.length ? "…" : ""}`;
  return { text, mark: column - 1 - start + (start > 0 ? 1 : 0) };
}

/** The line of the user's source that a line of a bundle is; undefined for a line of the bundle itself. */
export function sourceLine(
  map: SourceMap,
  line: number,
): { readonly file: string; readonly line: number; readonly source: string } | undefined {
  const found = locate(map, line);
  if (found === undefined) return undefined;
  const { file, source } = found.module;
  return { file, line: found.line, source: source.split("\n")[found.line - 1] ?? "" };
}

/** aos puts printed lines before the error, and wraps errors of handlers in its own text. */
function unwrap(text: string): string {
  const mark = "\nerror:\n";
  const marked = `\n${text}`.lastIndexOf(mark);
  if (marked !== -1) return `\n${text}`.slice(marked + mark.length);
  const handled = /(?:^|\n)Error handling message(?: with Action = [^\n]*)? *\n/.exec(text);
  if (!handled) return text;
  const rest = text.slice(handled.index + handled[0].length);
  const trace = rest.lastIndexOf("\n\nstack traceback:");
  return trace === -1 ? rest : rest.slice(0, trace);
}

function locate(map: SourceMap, line: number): { module: MappedModule; line: number } | undefined {
  let low = 0;
  let high = map.modules.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const module = map.modules[middle];
    if (!module) return undefined;
    const { start, count } = module.lines;
    // For an unfinished module, Lua reports the line after its last one.
    if (line < start) high = middle - 1;
    else if (line > start + count) low = middle + 1;
    else return { module, line: Math.min(line - start + 1, Math.max(1, count)) };
  }
  return undefined;
}

function columnOf(source: string, message: string): number {
  const named = /\((?:global|local|field|method|upvalue|constant) '([^']+)'\)/.exec(message)?.[1];
  const near = /near '([^']+)'/.exec(message)?.[1];
  const missing = /module '([^'\n]+)' not found/.exec(message)?.[1];
  const word = named ?? near ?? missing;
  if (word !== undefined) {
    const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const edged = /^\w+$/.test(word) ? `\\b${escaped}\\b` : escaped;
    const found = new RegExp(edged).exec(source);
    if (found) return found.index + 1;
  }
  return Math.max(0, source.search(/\S/)) + 1;
}
