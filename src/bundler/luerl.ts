import type { Expression } from "luaparse";
import luaparse from "luaparse";
import { LUA, stringValue } from "./parse.ts";
import { memberPath } from "./reading.ts";

/** Luerl, the Lua of the device `lua@5.3a`: what its language lacks, and what the fleet's module for it (`src/fleet/code/lua53`) cannot add. */

/** The parts of the language, as `LackFact.name`. */
export const GOTO = "goto";
export const LONG_COMMENT = "--[=[ ]=]";
export const LONG_STRING = "[====[ ]====]";
export const ENVIRONMENT = "_ENV";
export const LOAD_INTO = "load(…, env)";
export const WAIT_FOR_REPLY = "Send(…).receive";

/** Functions of aos' Lua that a process does not have, or that can only fail there; those without a library are globals. */
const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  "": ["Assign", "Receive", "dofile", "loadfile"],
  Handlers: ["receive"],
  ao: ["assign"],
  coroutine: ["yield"],
  debug: [
    ...["debug", "gethook", "getinfo", "getlocal", "getregistry", "getupvalue", "sethook", "setlocal"],
    ...["setupvalue", "upvalueid", "upvaluejoin"],
  ],
  io: ["close", "input", "lines", "open", "output", "popen", "read", "tmpfile", "type", "write"],
  os: ["execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname"],
  string: ["dump"],
};
/** As programs call them. Exported for the test that calls each of them on the device. */
export const LACKED_FUNCTIONS: ReadonlySet<string> = new Set(
  Object.entries(FUNCTIONS).flatMap(([library, names]) =>
    names.map((name) => (library === "" ? name : `${library}.${name}`)),
  ),
);
const SENDERS = new Set(["Send", "Spawn", "ao.send", "ao.spawn"]);
/** Formats of integers, which the module's `string.pack` has. */
const INTEGERS = /^[bBhHiIlLjJ<>=\d\s]*$/;

/** Something that Luerl lacks, and the variable that the expression for it starts with, which is another thing if it is a local. */
export interface Lacked {
  readonly name: string;
  readonly root: string;
}

const rootOf = (path: string): string => path.split(".")[0] ?? path;

/** The function of the table above that an expression stands for, also by way of `_G`. */
export function lackedName(node: Expression): Lacked | undefined {
  const path = memberPath(node);
  const name = path?.startsWith("_G.") === true ? path.slice("_G.".length) : path;
  if (path === undefined || name === undefined || !LACKED_FUNCTIONS.has(name)) return undefined;
  return { name, root: rootOf(path) };
}

/** What a call asks for that only its arguments, or what it is called on, show to be missing. */
export function lackedByCall(base: Expression, args: readonly Expression[]): Lacked | undefined {
  const path = memberPath(base);
  if (path === undefined) {
    const sender = senderOf(base);
    return sender === undefined ? undefined : { name: WAIT_FOR_REPLY, root: rootOf(sender) };
  }
  const [format, , , environment] = args;
  if (path === "load" && environment !== undefined) {
    const isGlobals = environment.type === "NilLiteral" || memberPath(environment) === "_G";
    return isGlobals ? undefined : { name: LOAD_INTO, root: path };
  }
  if ((path !== "string.pack" && path !== "string.unpack") || format?.type !== "StringLiteral")
    return undefined;
  const isIntegers = INTEGERS.test(stringValue(format.raw) ?? "");
  return isIntegers ? undefined : { name: `${path}(${format.raw}, …)`, root: "string" };
}

/** The function that sends a message if the expression waits for the reply: `Send({ … }).receive`. */
function senderOf(base: Expression): string | undefined {
  if (base.type !== "MemberExpression" || base.identifier.name !== "receive") return undefined;
  const { base: call } = base;
  if (call.type !== "CallExpression" && call.type !== "TableCallExpression") return undefined;
  const sender = memberPath(call.base);
  return sender !== undefined && SENDERS.has(sender) ? sender : undefined;
}

/** Whether a function is one of Lua's own libraries. Programs for several versions of Lua call such functions in branches that may never run. */
export const isOfLibraries = (name: string): boolean =>
  /^(coroutine|debug|io|os|string)\.|^(dofile|loadfile)$/.test(name);

const END_OF_FILE = 1;

interface LongText {
  readonly name: typeof LONG_COMMENT | typeof LONG_STRING;
  readonly offset: number;
}

/** Strings of four levels and more, which Luerl does not read, and the long comments of which it reads another part as code. */
export function unreadableTexts(text: string): LongText[] {
  if (!/--\[=+\[|\[={4,}\[/.test(text)) return [];
  const lexer = luaparse.parse(text, { ...LUA, wait: true });
  const found: LongText[] = [];
  for (let end = 0, isLast = false; !isLast; ) {
    const token = lexer.lex();
    isLast = token.type === END_OF_FILE;
    const [from, to] = isLast ? [text.length, text.length] : token.range;
    for (const { 0: comment, 1: level = "", index } of text
      .slice(end, from)
      .matchAll(/--(?:\[(=*)\[[\s\S]*?\]\1\]|[^\n]*)/g)) {
      const offset = end + index;
      const rest = text.slice(offset + comment.length).split("\n", 1)[0] ?? "";
      if (level !== "" && !isReadAlike(comment, rest)) found.push({ name: LONG_COMMENT, offset });
    }
    if (!isLast && /^\[={4,}\[/.test(text.slice(from, to))) found.push({ name: LONG_STRING, offset: from });
    end = to;
  }
  return found;
}

/** Luerl takes the first line of a comment with a level for a comment of that line, as if it began with `--` alone, and the others for code. */
function isReadAlike(comment: string, rest: string): boolean {
  const [, ...others] = comment.split("\n");
  return [...others, rest].every((line) => /^\s*(--(?!\[=*\[).*)?$/.test(line) || /^\s*--\[=+\[/.test(line));
}
