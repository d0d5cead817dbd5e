import type { Chunk, Node } from "luaparse";
import luaparse from "luaparse";

/** A syntax error: its offset, and Lua's own message as far as the parser provides it. */
interface SyntaxFault {
  readonly message: string;
  readonly offset: number;
}

type Parsed = { readonly chunk: Chunk; readonly fault?: never } | { readonly fault: SyntaxFault };

/** The lexer's token types, which its type declarations omit. */
const EOF = 1;
const STRING = 2;
const NUMBER = 16;

/** Parser options for every source. */
export const LUA = { luaVersion: "5.3", comments: false, encodingMode: "none" } as const;

// An error at a source's first token refers to the last token of the previous source, so one must have been parsed before.
luaparse.parse("", LUA);

/** May be one of the two faults below, or inside a string or comment; matches without backtracking into the number. */
const SUSPECT =
  /(?:\(|\breturn)\s*(?:,|--)|(?<![\w.])(?=(0[xX][\da-fA-F.]+(?:[pP][-+]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))\1[\da-fA-F.]/;

/**
 * Faults that the parser accepts and Lua rejects: a list of values that starts with a comma, and a number directly followed by a
 * hexadecimal digit or a dot, such as `1do`, which Lua reads as part of the number.
 */
function faultMissedByParser(text: string): SyntaxFault | undefined {
  if (!SUSPECT.test(text)) return undefined;
  const lexer = luaparse.parse(text, { ...LUA, wait: true });
  let before: unknown;
  for (let token = lexer.lex(); token.type !== EOF; token = lexer.lex()) {
    const [start, end] = token.range;
    if (token.value === "," && (before === "(" || before === "return"))
      return { message: "unexpected symbol near ','", offset: start };
    if (token.type === NUMBER && /[\da-fA-F.]/.test(text.charAt(end)))
      return { message: `malformed number near '${text.slice(start, end + 1)}'`, offset: start };
    // A string's value may look like a symbol.
    before = token.type === STRING ? undefined : token.value;
  }
  return undefined;
}

/**
 * Parses Lua 5.3, the language of aos. Never throws: the result is a tree or a fault.
 *
 * @param places whether nodes include their offsets
 */
export function parseLua(text: string, places = false): Parsed {
  try {
    const chunk = luaparse.parse(text, { ...LUA, ranges: places });
    const fault = faultMissedByParser(text);
    return fault ? { fault } : { chunk };
  } catch (error) {
    if (error instanceof RangeError) {
      return { fault: { message: "chunk has too many syntax levels", offset: 0 } };
    }
    if (!(error instanceof SyntaxError)) throw error;
    const { index } = error as SyntaxError & { index?: number };
    return {
      fault: {
        // The parser names only the unexpected keyword; Lua expected the end of the chunk.
        message: error.message
          .replace(/^\[\d+:-?\d+\] /, "")
          .replace(/^unexpected keyword ('\w+') near '<eof>'$/, "'<eof>' expected near $1"),
        offset: Math.min(index ?? 0, text.length),
      },
    };
  }
}

/** The first offset of a node; 0 if the source was parsed without places. */
export function offsetOf(node: Node): number {
  return (node as Node & { range?: [number, number] }).range?.[0] ?? 0;
}

/** True if the expression is in its own parentheses. */
export function inParentheses(node: Node): boolean {
  return (node as Node & { inParens?: boolean }).inParens === true;
}

const SIMPLE: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "\n",
};

/** The value of a string literal, or undefined if it contains bytes that are not text. */
export function stringValue(raw: string): string | undefined {
  const long = /^\[(=*)\[\n?([\s\S]*)\]\1\]$/.exec(raw);
  if (long) return long[2];
  let plain = true;
  const value = raw
    .slice(1, -1)
    .replace(
      /\\(?:z\s*|x([0-9a-fA-F]{2})|(\d{1,3})|u\{([0-9a-fA-F]+)\}|([\s\S]))/g,
      (_all, hex?: string, decimal?: string, unicode?: string, other?: string) => {
        if (hex !== undefined || decimal !== undefined) {
          const byte = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
          if (byte > 127) plain = false;
          return String.fromCharCode(byte);
        }
        if (unicode !== undefined) {
          const point = Number.parseInt(unicode, 16);
          if (point > 0x10ffff) plain = false;
          return plain ? String.fromCodePoint(point) : "";
        }
        if (other === undefined) return "";
        return SIMPLE[other] ?? other;
      },
    );
  return plain ? value : undefined;
}
