import luaparse, { type Node } from "luaparse";

type Range = readonly [start: number, end: number];

/**
 * Turns a Lua file that is not UTF-8 into one that is and means the same: bytes above 127 inside strings become
 * decimal escapes, and in comments `?`. Lines stay where they are.
 */
export function escapeForeignBytes(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const strings: Range[] = [];
  let comments: Range[] = [];
  try {
    const chunk = luaparse.parse(text, {
      luaVersion: "5.3",
      comments: true,
      ranges: true,
      encodingMode: "none",
      onCreateNode(node) {
        if (node.type === "StringLiteral") strings.push(rangeOf(node));
      },
    });
    comments = (chunk.comments ?? []).map(rangeOf);
  } catch {
    return text; // The parser is run again on the result and reports the fault in its place.
  }
  const edits = [
    ...strings.map(([start, end]) => ({ start, end, rewrite: escapeString })),
    ...comments.map(([start, end]) => ({ start, end, rewrite: blank })),
  ].sort((a, b) => a.start - b.start);
  let out = "";
  let done = 0;
  for (const { start, end, rewrite } of edits) {
    out += text.slice(done, start) + rewrite(text.slice(start, end));
    done = end;
  }
  return out + text.slice(done);
}

/** Where a piece stands: the parser was told to note it, and its declarations do not name it. */
const rangeOf = (piece: Node): Range => (piece as Node & { range?: Range }).range ?? [0, 0];

const blank = (raw: string): string => raw.replace(/[\x80-\xff]/g, "?");

const escapeBytes = (raw: string): string =>
  raw.replace(/[\x80-\xff]/g, (byte) => `\\${String(byte.charCodeAt(0)).padStart(3, "0")}`);

function escapeString(raw: string): string {
  if (!/[\x80-\xff]/.test(raw)) return raw;
  const long = /^\[(=*)\[(\r\n|\n\r|\r|\n)?([\s\S]*)\]\1\]$/.exec(raw);
  if (!long) return escapeBytes(raw);
  // A long string has no escapes: write it as a quoted one, line for line.
  const body = (long[3] ?? "")
    .replace(/[\\"]/g, "\\$&")
    .replace(/\0/g, "\\000")
    .replace(/\r\n|\n\r|\r|\n/g, "\\\n");
  return `${long[2] === undefined ? "" : "\n"}"${escapeBytes(body)}"`;
}
