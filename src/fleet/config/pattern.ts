/**
 * Converts a regular expression to a Lua pattern: anchors, characters, classes and ranges, `\d` and `\w`, each with
 * `*`, `+`, `?`, `{n}` or `{n,m}` (up to 64). Groups, alternatives, and elements that match single characters beyond
 * ASCII (`.`, `\s`, a class with `^` that is not repeated) have no counterpart: then the result is undefined. Pure.
 */
export function luaPattern(source: string): string | undefined {
  if (!/^[ -~]*$/.test(source)) return undefined;
  let at = 0;
  let out = "";
  if (source[at] === "^") {
    out += "^";
    at += 1;
  }
  while (at < source.length) {
    if (source[at] === "$" && at === source.length - 1) return `${out}$`;
    const atom = atomAt(source, at);
    if (!atom) return undefined;
    at = atom.end;
    const count = countAt(source, at);
    if (!count) return undefined;
    // Lua counts bytes in negated classes: only "any number" means the same.
    if (atom.text.startsWith("[^") && count.most !== Number.POSITIVE_INFINITY) return undefined;
    if (atom.text.startsWith("[^") && count.least > 1) return undefined;
    at = count.end;
    out += atom.text.repeat(count.least);
    if (count.most === Number.POSITIVE_INFINITY) out += `${atom.text}*`;
    else out += `${atom.text}?`.repeat(count.most - count.least);
  }
  return out;
}

const SHORT: Readonly<Record<string, string>> = { d: "%d", w: "%w_" };
const MAX_COUNT = 64;

/** A character in a Lua pattern, escaped if it might be special. */
const quote = (char: string): string => (/[A-Za-z0-9 ]/.test(char) ? char : `%${char}`);

function atomAt(source: string, at: number): { text: string; end: number } | undefined {
  const char = source[at] ?? "";
  if (char === "[") return classAt(source, at);
  if (char === "\\") {
    const next = source[at + 1];
    if (next === undefined) return undefined;
    if (next === "w") return { text: "[%w_]", end: at + 2 };
    if (next === "d") return { text: "%d", end: at + 2 };
    if (/[A-Za-z0-9]/.test(next)) return undefined;
    return { text: quote(next), end: at + 2 };
  }
  if (/[.(){}|*+?$^\]]/.test(char)) return undefined;
  return { text: quote(char), end: at + 1 };
}

function classAt(source: string, from: number): { text: string; end: number } | undefined {
  let at = from + 1;
  let text = "[";
  if (source[at] === "^") {
    text += "^";
    at += 1;
  }
  for (let first = true; at < source.length; first = false) {
    const char = source[at] ?? "";
    if (char === "]") return first ? undefined : { text: `${text}]`, end: at + 1 };
    if (char === "\\") {
      const next = source[at + 1] ?? "";
      if (next === "d" || next === "w") text += SHORT[next];
      else if (next === "" || /[A-Za-z0-9]/.test(next)) return undefined;
      else text += quote(next);
      at += 2;
      continue;
    }
    const end = source[at + 2];
    if (source[at + 1] === "-" && end !== undefined && end !== "]") {
      // The ends of a range are plain characters in Lua and must not be escaped.
      if (!/[A-Za-z0-9 ~!]/.test(char) || !/[A-Za-z0-9 ~!]/.test(end) || char > end) return undefined;
      text += `${char}-${end}`;
      at += 3;
      continue;
    }
    text += quote(char);
    at += 1;
  }
  return undefined;
}

function countAt(source: string, at: number): { least: number; most: number; end: number } | undefined {
  const char = source[at];
  const lazy = source[at + 1] === "?" || source[at + 1] === "+";
  if (char === "*") return lazy ? undefined : { least: 0, most: Number.POSITIVE_INFINITY, end: at + 1 };
  if (char === "+") return lazy ? undefined : { least: 1, most: Number.POSITIVE_INFINITY, end: at + 1 };
  if (char === "?") return lazy ? undefined : { least: 0, most: 1, end: at + 1 };
  if (char !== "{") return { least: 1, most: 1, end: at };
  const found = /^\{(\d+)(,(\d*))?\}/.exec(source.slice(at));
  if (!found) return undefined;
  const least = Number(found[1]);
  const most = found[2] === undefined ? least : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
  if (least > MAX_COUNT || (most > MAX_COUNT && most !== Number.POSITIVE_INFINITY) || most < least)
    return undefined;
  return { least, most, end: at + found[0].length };
}
