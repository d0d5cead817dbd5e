import luaparse from "luaparse";
import { LUA } from "./parse.ts";

/** A block or bracket that was opened and not closed. */
interface Opener {
  /** The word or bracket as it is written: `function`, `if`, `(`, … */
  readonly word: string;
  readonly offset: number;
}

/** The lexer's token types, which its type declarations omit. */
const EOF = 1;
const KEYWORD = 4;
const PUNCTUATOR = 32;

const CLOSES: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
const BLOCKS = new Set(["function", "if", "while", "for", "repeat", "do"]);

/** The innermost block or bracket that is still open at an offset. */
export function openerAt(text: string, offset: number): Opener | undefined {
  const open: (Opener & { loop?: boolean })[] = [];
  const top = () => open[open.length - 1];
  for (const token of tokens(text, offset)) {
    const word = String(token.value);
    const [start] = token.range;
    if (token.type === PUNCTUATOR) {
      if ("([{".includes(word)) open.push({ word, offset: start });
      else if (CLOSES[word] !== undefined && top()?.word === CLOSES[word]) open.pop();
    } else if (token.type === KEYWORD) {
      const last = top();
      // The `do` of a loop belongs to the loop.
      if (word === "do" && last?.loop === true) last.loop = false;
      else if (BLOCKS.has(word))
        open.push({ word, offset: start, ...(word === "while" || word === "for" ? { loop: true } : {}) });
      else if (word === "end" || word === "until") {
        if (last && BLOCKS.has(last.word)) open.pop();
      }
    }
  }
  const last = top();
  return last && { word: last.word, offset: last.offset };
}

/** The tokens that start before an offset, up to the first that cannot be read. */
function* tokens(text: string, offset: number) {
  const lexer = luaparse.parse(text, { ...LUA, wait: true });
  for (;;) {
    try {
      const token = lexer.lex();
      if (token.type === EOF || token.range[0] >= offset) return;
      yield token;
    } catch (error) {
      if (error instanceof SyntaxError) return;
      throw error;
    }
  }
}
