/**
 * A small part of Lua, enough for the texts that tests send to a simulated process: assignments, calls, returns,
 * table constructors, `..`, `+`, `-`, `==`, `or`, `and`, `#`, functions of straight-line statements. The rest
 * (loops, conditions) is reported as `unsupported`, which the model treats as code without effect.
 */
export type Value = string | number | boolean | null | Table | Closure;
export interface Table {
  [key: string]: Value;
}
/** A function: its syntax tree is plain data, so that it can be kept in a process' memory. */
export interface Closure {
  readonly lua: "function";
  readonly params: readonly string[];
  readonly body: readonly Statement[];
}

export type Expression =
  | { readonly e: "value"; readonly value: string | number | boolean | null }
  | { readonly e: "name"; readonly path: readonly string[] }
  | { readonly e: "table"; readonly entries: readonly (readonly [string, Expression])[] }
  | { readonly e: "function"; readonly params: readonly string[]; readonly body: readonly Statement[] }
  | { readonly e: "call"; readonly path: readonly string[]; readonly args: readonly Expression[] }
  | { readonly e: "op"; readonly op: string; readonly left: Expression; readonly right: Expression }
  | { readonly e: "length"; readonly of: Expression };

export type Statement =
  | {
      readonly s: "assign";
      readonly path: readonly string[];
      readonly local: boolean;
      readonly to: Expression;
    }
  | { readonly s: "call"; readonly call: Expression; readonly line: number }
  | { readonly s: "return"; readonly value: Expression };

/** A Lua error with Lua's own message, or code outside of the supported part of Lua. */
export class LuaError extends Error {
  readonly unsupported: boolean;
  constructor(message: string, unsupported = false) {
    super(message);
    this.name = "LuaError";
    this.unsupported = unsupported;
  }
}

interface Token {
  readonly kind: "name" | "string" | "number" | "op" | "end";
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /\s+|--\[\[[\s\S]*?\]\]|--[^\n]*|(?<name>[A-Za-z_]\w*)|(?<number>\d+(?:\.\d+)?)|(?<string>"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|\[\[[\s\S]*?\]\])|(?<op>\.\.|==|~=|<=|>=|[-+*/%#=(){}[\],.;:<>])/y;
const RESERVED = new Set([
  "return",
  "local",
  "function",
  "end",
  "and",
  "or",
  "nil",
  "true",
  "false",
  "then",
  "else",
]);
const UNSUPPORTED = new Set(["if", "for", "while", "repeat", "goto", "do", "not"]);

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let line = 1;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match) throw new LuaError(`[string "aos"]:${line}: unexpected symbol near '${source[at] ?? ""}'`);
    const groups = match.groups ?? {};
    for (const kind of ["name", "number", "string", "op"] as const) {
      const text = groups[kind];
      if (text === undefined) continue;
      tokens.push({ kind, text: kind === "string" ? unquote(text) : text, line });
    }
    line += match[0].split("\n").length - 1;
  }
  tokens.push({ kind: "end", text: "<eof>", line });
  return tokens;
}

function unquote(text: string): string {
  if (text.startsWith("[[")) return text.slice(2, -2).replace(/^\n/, "");
  return text.slice(1, -1).replace(/\\([\s\S])/g, (_, c: string) => ({ n: "\n", t: "\t", r: "\r" })[c] ?? c);
}

/** Parses a chunk, or throws a LuaError. */
export function parse(source: string): Statement[] {
  const tokens = tokenize(source);
  let at = 0;
  const body = block();
  if (peek().kind !== "end") fail();
  return body;

  function peek(): Token {
    return tokens[at] ?? { kind: "end", text: "<eof>", line: 0 };
  }
  function take(): Token {
    const token = peek();
    at += 1;
    return token;
  }
  function is(text: string): boolean {
    return peek().text === text && peek().kind !== "string";
  }
  function accept(text: string): boolean {
    if (!is(text)) return false;
    at += 1;
    return true;
  }
  function expect(text: string): void {
    if (!accept(text)) fail();
  }
  function fail(): never {
    const token = peek();
    if (token.kind === "name" && UNSUPPORTED.has(token.text)) throw new LuaError("unsupported", true);
    throw new LuaError(`[string "aos"]:${token.line}: syntax error near '${token.text}'`);
  }
  function name(): string {
    const token = peek();
    if (token.kind !== "name" || UNSUPPORTED.has(token.text) || RESERVED.has(token.text)) fail();
    return take().text;
  }
  function block(): Statement[] {
    const statements: Statement[] = [];
    while (peek().kind !== "end" && !is("end")) {
      if (accept(";")) continue;
      const last = statement();
      statements.push(last);
      // A return is the last statement of its block.
      if (last.s === "return" && !accept(";") && peek().kind !== "end" && !is("end")) fail();
    }
    return statements;
  }
  function statement(): Statement {
    if (accept("return")) return { s: "return", value: expression() };
    const local = accept("local");
    const { line } = peek();
    const path = [name()];
    while (accept(".")) path.push(name());
    if (accept("=")) return { s: "assign", path, local, to: expression() };
    if (local) fail();
    return { s: "call", call: callOf(path), line };
  }
  function callOf(path: string[]): Expression {
    if (is("{") || peek().kind === "string") return { e: "call", path, args: [primary()] };
    expect("(");
    const args: Expression[] = [];
    while (!accept(")")) {
      args.push(expression());
      if (!is(")")) expect(",");
    }
    return { e: "call", path, args };
  }
  function expression(): Expression {
    return chain(["or"], () =>
      chain(["and"], () => chain(["==", "~="], () => chain([".."], () => chain(["+", "-"], primary)))),
    );
  }
  function chain(ops: string[], next: () => Expression): Expression {
    let left = next();
    while (ops.some(is)) left = { e: "op", op: take().text, left, right: next() };
    return left;
  }
  function primary(): Expression {
    const token = peek();
    if (token.kind === "string") return { e: "value", value: take().text };
    if (token.kind === "number") return { e: "value", value: Number(take().text) };
    if (accept("#")) return { e: "length", of: primary() };
    if (accept("(")) {
      const inner = expression();
      expect(")");
      return inner;
    }
    if (accept("{")) return table();
    if (accept("nil")) return { e: "value", value: null };
    if (accept("true")) return { e: "value", value: true };
    if (accept("false")) return { e: "value", value: false };
    if (accept("function")) return closure();
    const path = [name()];
    for (;;) {
      if (accept(".")) path.push(name());
      else if (is("[") && tokens[at + 1]?.kind === "string") {
        at += 1;
        path.push(take().text);
        expect("]");
      } else break;
    }
    return is("(") ? callOf(path) : { e: "name", path };
  }
  function table(): Expression {
    const entries: [string, Expression][] = [];
    let index = 1;
    while (!accept("}")) {
      if (accept("[")) {
        const key = take().text;
        expect("]");
        expect("=");
        entries.push([key, expression()]);
      } else if (peek().kind === "name" && tokens[at + 1]?.text === "=") {
        const key = name();
        expect("=");
        entries.push([key, expression()]);
      } else entries.push([String(index++), expression()]);
      if (!is("}") && !accept(",") && !accept(";")) fail();
    }
    return { e: "table", entries };
  }
  function closure(): Expression {
    expect("(");
    const params: string[] = [];
    while (!accept(")")) {
      params.push(name());
      if (!is(")")) expect(",");
    }
    const body = block();
    expect("end");
    return { e: "function", params, body };
  }
}

/** What the texts can use: globals that are kept, built-in functions by dotted name, and locals. */
export interface Scope {
  readonly globals: Table;
  readonly locals: Table;
  readonly builtins: Readonly<Record<string, (args: Value[], line: number) => Value>>;
}

/** Runs statements; returns the value of a `return`, or undefined if there was none. */
export function run(body: readonly Statement[], scope: Scope): Value | undefined {
  for (const statement of body) {
    if (statement.s === "return") return evaluate(statement.value, scope, 1);
    if (statement.s === "call") evaluate(statement.call, scope, statement.line);
    else assign(statement.path, evaluate(statement.to, scope, 1), statement.local, scope);
  }
  return undefined;
}

function assign(path: readonly string[], value: Value, local: boolean, scope: Scope): void {
  const [head = "", ...rest] = path;
  const root = local || Object.hasOwn(scope.locals, head) ? scope.locals : scope.globals;
  const last = rest.pop();
  if (last === undefined) {
    root[head] = value;
    return;
  }
  let table = root[head] ?? null;
  for (const key of rest) table = index(table, key);
  if (!isTable(table))
    throw new LuaError(`[string "aos"]:1: attempt to index a nil value (global '${head}')`);
  table[last] = value;
}

function evaluate(expression: Expression, scope: Scope, line: number): Value {
  switch (expression.e) {
    case "value":
      return expression.value;
    case "function":
      return { lua: "function", params: expression.params, body: expression.body };
    case "table":
      return Object.fromEntries(
        expression.entries.map(([key, value]) => [key, evaluate(value, scope, line)]),
      );
    case "name":
      return lookup(expression.path, scope);
    case "length": {
      const value = evaluate(expression.of, scope, line);
      if (typeof value === "string") return value.length;
      return isTable(value) ? Object.keys(value).length : 0;
    }
    case "call": {
      const builtin = scope.builtins[expression.path.join(".")];
      if (!builtin) {
        const named = expression.path.join(".");
        throw new LuaError(`[string "aos"]:${line}: attempt to call a nil value (global '${named}')`);
      }
      return builtin(
        expression.args.map((arg) => evaluate(arg, scope, line)),
        line,
      );
    }
    case "op":
      return operate(expression.op, evaluate(expression.left, scope, line), () =>
        evaluate(expression.right, scope, line),
      );
  }
}

function operate(op: string, left: Value, right: () => Value): Value {
  if (op === "or") return left === null || left === false ? right() : left;
  if (op === "and") return left === null || left === false ? left : right();
  if (op === "==") return left === right();
  if (op === "~=") return left !== right();
  if (op === "..") return text(left) + text(right());
  const b = Number(right());
  return op === "+" ? Number(left) + b : Number(left) - b;
}

function lookup(path: readonly string[], scope: Scope): Value {
  const [head = "", ...rest] = path;
  let value: Value = (Object.hasOwn(scope.locals, head) ? scope.locals : scope.globals)[head] ?? null;
  for (const key of rest) value = index(value, key);
  return value;
}

function index(value: Value, key: string): Value {
  if (isTable(value)) return value[key] ?? null;
  throw new LuaError(`[string "aos"]:1: attempt to index a nil value (field '${key}')`);
}

/** A table that is not a function. */
export function isTable(value: Value | undefined): value is Table {
  return typeof value === "object" && value !== null && value.lua !== "function";
}

/** A value in the words of `tostring`. */
export function text(value: Value | undefined): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "object") return isTable(value) ? JSON.stringify(value) : "function: 0x1";
  return String(value);
}
