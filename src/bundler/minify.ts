import luaparse from "luaparse";

const WORD = /[\w.]/;
/** Characters that never form another token with a neighbour. */
const ALONE = /[(){},;"']/;
const END_OF_FILE = 1;

/**
 * Removes comments, indentation and unnecessary spaces, token by token; keeps names. Every token keeps its line, so the
 * source map and the lines in errors stay exact.
 */
export function minifyLua(text: string): string {
  const lexer = luaparse.parse(text, {
    luaVersion: "5.3",
    comments: false,
    encodingMode: "none",
    wait: true,
  });
  const parts: string[] = [];
  let end = 0;
  let last = "";
  for (let token = lexer.lex(); token.type !== END_OF_FILE; token = lexer.lex()) {
    const [from, to] = token.range;
    const between = text.slice(end, from);
    const raw = text.slice(from, to);
    const breaks = lineBreaks(between);
    if (breaks !== "") parts.push(breaks);
    else if (between !== "" && last !== "" && mayJoin(last, raw.charAt(0))) parts.push(" ");
    parts.push(raw);
    last = raw.charAt(raw.length - 1);
    end = to;
  }
  parts.push(lineBreaks(text.slice(end)));
  return parts.join("");
}

function lineBreaks(between: string): string {
  return between.includes("\n") ? between.replace(/[^\n]+/g, "") : "";
}

function mayJoin(left: string, right: string): boolean {
  if (ALONE.test(left) || ALONE.test(right)) return false;
  return WORD.test(left) === WORD.test(right) || left === "[" || right === "[";
}
