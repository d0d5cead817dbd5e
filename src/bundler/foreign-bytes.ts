import luaparse, { type Node } from "luaparse";

type Range = readonly [start: number, end: number];

/**
 * Converts a Lua file that is not UTF-8 into an equivalent one that is: bytes above 127 become decimal escapes in
 * strings and `?` in comments. Line numbers do not change.
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
    return text; // The parser runs again on the result and reports the fault.
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

/** The position of a node: the parser is configured to record it, but its type declarations omit it. */
const rangeOf = (piece: Node): Range => (piece as Node & { range?: Range }).range ?? [0, 0];

const blank = (raw: string): string => raw.replace(/[\x80-\xff]/g, "?");

const escapeBytes = (raw: string): string =>
  raw.replace(/[\x80-\xff]/g, (byte) => `\\${String(byte.charCodeAt(0)).padStart(3, "0")}`);

function escapeString(raw: string): string {
  if (!/[\x80-\xff]/.test(raw)) return raw;
  const long = /^\[(=*)\[(\r\n|\n\r|\r|\n)?([\s\S]*)\]\1\]$/.exec(raw);
  if (!long) return escapeBytes(raw);
  // A long string has no escapes: it becomes a quoted string, line by line.
  const body = (long[3] ?? "")
    .replace(/[\\"]/g, "\\$&")
    .replace(/\0/g, "\\000")
    .replace(/\r\n|\n\r|\r|\n/g, "\\\n");
  return `${long[2] === undefined ? "" : "\n"}"${escapeBytes(body)}"`;
}
