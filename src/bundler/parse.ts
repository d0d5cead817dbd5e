import type { Chunk, Node } from "luaparse";
import luaparse from "luaparse";

/** What keeps a text from compiling: where, and Lua's own words as far as the parser knows them. */
interface SyntaxFault {
  readonly message: string;
  readonly offset: number;
}

type Parsed = { readonly chunk: Chunk; readonly fault?: never } | { readonly fault: SyntaxFault };

/** The lexer's token types, which its declarations do not name. */
const EOF = 1;
const STRING = 2;
const NUMBER = 16;

/** How every text is read. */
export const LUA = { luaVersion: "5.3", comments: false, encodingMode: "none" } as const;

// Its complaint about a text's first token looks at the token of the text before; the first text of all has one too now.
luaparse.parse("", LUA);

/** What may be one of the two below, or stand in a string or a comment; matched without going back into the number. */
const SUSPECT =
  /(?:\(|\breturn)\s*(?:,|--)|(?<![\w.])(?=(0[xX][\da-fA-F.]+(?:[pP][-+]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))\1[\da-fA-F.]/;

/**
 * What the parser takes and Lua refuses: a list of values that begins with a comma, and a number that runs into a hexadecimal
 * digit or a dot, such as `1do`, since Lua reads on through those.
 */
function overlooked(text: string): SyntaxFault | undefined {
  if (!SUSPECT.test(text)) return undefined;
  const lexer = luaparse.parse(text, { ...LUA, wait: true });
  let before: unknown;
  for (let token = lexer.lex(); token.type !== EOF; token = lexer.lex()) {
    const [start, end] = token.range;
    if (token.value === "," && (before === "(" || before === "return"))
      return { message: "unexpected symbol near ','", offset: start };
    if (token.type === NUMBER && /[\da-fA-F.]/.test(text.charAt(end)))
      return { message: `malformed number near '${text.slice(start, end + 1)}'`, offset: start };
    // A string's value may read like a symbol.
    before = token.type === STRING ? undefined : token.value;
  }
  return undefined;
}

/**
 * Parses Lua 5.3, the language of aos. Never throws: every text gives a tree or a fault.
 *
 * @param places whether nodes know where they stand
 */
export function parseLua(text: string, places = false): Parsed {
  try {
    const chunk = luaparse.parse(text, { ...LUA, ranges: places });
    const fault = overlooked(text);
    return fault ? { fault } : { chunk };
  } catch (error) {
    if (error instanceof RangeError) {
      return { fault: { message: "chunk has too many syntax levels", offset: 0 } };
    }
    if (!(error instanceof SyntaxError)) throw error;
    const { index } = error as SyntaxError & { index?: number };
    return {
      fault: {
        // What ends the chunk too early is what was found; what was expected is the end.
        message: error.message
          .replace(/^\[\d+:-?\d+\] /, "")
          .replace(/^unexpected keyword ('\w+') near '<eof>'$/, "'<eof>' expected near $1"),
        offset: Math.min(index ?? 0, text.length),
      },
    };
  }
}

/** The first offset of a node; 0 when the text was parsed without places. */
export function offsetOf(node: Node): number {
  return (node as Node & { range?: [number, number] }).range?.[0] ?? 0;
}

/** True when the expression stands in parentheses of its own. */
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

/** The value of a string literal as it is written, or undefined when it holds bytes that are no text. */
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
