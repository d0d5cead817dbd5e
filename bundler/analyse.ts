import type { Chunk, Expression, FunctionDeclaration, Identifier, Statement } from "luaparse";
import type { Facts, GlobalFact, HandlerFact, LimitFact, RequireFact } from "./facts.ts";
import { inParentheses, offsetOf, parseLua } from "./parse.ts";
import { foldName, isAlways } from "./reading.ts";
import { Scope, type Variable } from "./scope.ts";

/**
 * Statements and expressions that may stand inside one another; Lua's own limit is 200 C calls, twelve of which aos
 * and the bundle take (measured).
 */
const MAX_DEPTH = 188;
/** A call holds its arguments in registers, of which a function has 255. */
const MAX_ARGUMENTS = 250;

const HANDLER_METHODS = new Set(["add", "append", "prepend", "once"]);

/** Where an expression stands, as far as it says whether and when it runs: these, added up. */
const LAZY = 1;
const GUARDED = 2;
const CONDITIONAL = 4;
type Place = number;

/**
 * Reads one module's text. Pure: the same text gives the same facts.
 *
 * @param places whether the facts know their offsets
 */
export function analyse(text: string, places = false): Facts {
  const parsed = parseLua(text, places);
  if (parsed.fault) {
    return {
      fault: parsed.fault,
      requires: [],
      handlers: [],
      globals: [],
      limits: [],
      publishesItself: false,
    };
  }
  return new Reader().read(parsed.chunk);
}

class Reader {
  readonly #requires: RequireFact[] = [];
  readonly #handlers: HandlerFact[] = [];
  readonly #globals = new Map<string, { order: number; offset: number; count: number }>();
  readonly #limits: LimitFact[] = [];
  readonly #scope = new Scope((what, offset) => this.#limit(what, offset));
  #order = 0;
  #depth = 0;
  #publishesItself = false;
  #ownEnvironment = false;

  read(chunk: Chunk): Facts {
    this.#block(chunk.body, 0);
    const globals: GlobalFact[] = [...this.#globals].map(([name, found]) => ({ name, ...found }));
    return {
      requires: this.#requires,
      handlers: this.#handlers,
      globals,
      limits: this.#limits,
      publishesItself: this.#publishesItself,
    };
  }

  #limit(what: string, offset: number): void {
    this.#limits.push({ what, order: this.#order++, offset });
  }

  #block(body: readonly Statement[], place: Place): void {
    this.#scope.open();
    for (const statement of body) this.#statement(statement, place);
    this.#scope.close();
  }

  #deeper(offset: number): void {
    this.#depth++;
    if (this.#depth === MAX_DEPTH) this.#limit(`more than ${MAX_DEPTH} levels of nesting`, offset);
  }

  #statement(node: Statement, place: Place): void {
    const depth = this.#depth;
    this.#deeper(offsetOf(node));
    this.#parts(node, place, place | CONDITIONAL);
    this.#depth = depth;
  }

  #parts(node: Statement, place: Place, maybe: Place): void {
    switch (node.type) {
      case "LocalStatement":
        this.#all(node.init, place);
        node.variables.forEach((variable, i) => {
          this.#scope.declare(variable.name, offsetOf(variable), this.#kindOf(node.init[i]));
        });
        return;
      case "AssignmentStatement":
        for (const target of node.variables) this.#assign(target, place);
        this.#all(node.init, place);
        return;
      case "CallStatement":
        this.#expression(node.expression, place);
        return;
      case "ReturnStatement":
        this.#all(node.arguments, place);
        return;
      case "FunctionDeclaration":
        this.#declareFunction(node, place);
        return;
      case "IfStatement":
        for (const clause of node.clauses) {
          if (clause.type !== "ElseClause") this.#expression(clause.condition, place);
          this.#block(clause.body, maybe);
        }
        return;
      case "WhileStatement":
        this.#expression(node.condition, place);
        this.#block(node.body, maybe);
        return;
      case "RepeatStatement":
        // The condition sees the locals of the body.
        this.#scope.open();
        for (const statement of node.body) this.#statement(statement, maybe);
        this.#expression(node.condition, maybe);
        this.#scope.close();
        return;
      case "DoStatement":
        this.#block(node.body, place);
        return;
      case "ForNumericStatement":
        this.#all(node.step ? [node.start, node.end, node.step] : [node.start, node.end], place);
        this.#loop([node.variable], node.body, maybe);
        return;
      case "ForGenericStatement":
        this.#all(node.iterators, place);
        this.#loop(node.variables, node.body, maybe);
        return;
    }
  }

  #loop(variables: readonly Identifier[], body: readonly Statement[], place: Place): void {
    this.#scope.open();
    this.#scope.hide(3);
    for (const variable of variables) this.#scope.declare(variable.name, offsetOf(variable));
    this.#block(body, place);
    this.#scope.close();
  }

  #assign(target: Expression, place: Place): void {
    if (target.type !== "Identifier") {
      if (memberPath(target)?.startsWith("package.loaded") || isPackageLoaded(target))
        this.#publishesItself = true;
      if (target.type === "MemberExpression" && target.base.type === "Identifier") {
        if (target.base.name === "_G" && !this.#scope.find("_G"))
          this.#global(target.identifier.name, target);
      }
      this.#expression(target, place);
      return;
    }
    const variable = this.#scope.use(target.name, offsetOf(target));
    if (variable) variable.kind = undefined;
    else this.#global(target.name, target);
  }

  #global(name: string, node: Expression): void {
    if (name === "_ENV") this.#ownEnvironment = true;
    // Under an environment of the module's own, a name that is no local is a field of that table.
    if (this.#ownEnvironment || this.#scope.find("_ENV")) return;
    const found = this.#globals.get(name);
    if (found) found.count++;
    else this.#globals.set(name, { order: this.#order++, offset: offsetOf(node), count: 1 });
  }

  #declareFunction(node: FunctionDeclaration, place: Place): void {
    const { identifier } = node;
    if (identifier?.type === "Identifier") {
      if (node.isLocal) this.#scope.declare(identifier.name, offsetOf(identifier));
      else this.#assign(identifier, place);
    } else if (identifier) this.#assign(identifier, place);
    this.#function(node, place);
  }

  #function(node: FunctionDeclaration, place: Place): void {
    this.#scope.enter(offsetOf(node));
    const { identifier } = node;
    if (identifier?.type === "MemberExpression" && identifier.indexer === ":") {
      this.#scope.declare("self", offsetOf(node));
    }
    for (const parameter of node.parameters) {
      if (parameter.type === "Identifier") this.#scope.declare(parameter.name, offsetOf(parameter));
    }
    this.#block(node.body, place | LAZY);
    this.#scope.leave();
  }

  #all(nodes: readonly Expression[], place: Place): void {
    for (const node of nodes) this.#expression(node, place);
  }

  #expression(start: Expression, place: Place): void {
    if (
      !leftOf(start) &&
      !inParentheses(start) &&
      start.type !== "TableConstructorExpression" &&
      start.type !== "FunctionDeclaration"
    ) {
      this.#link(start, place);
      return;
    }
    const depth = this.#depth;
    this.#deeper(offsetOf(start));
    // Long chains lean to the left: they are walked, not descended into, and read from their innermost part on.
    const chain: Expression[] = [];
    for (let node: Expression | undefined = start; node; node = leftOf(node)) {
      chain.push(node);
      if (inParentheses(node) || node.type === "UnaryExpression") this.#deeper(offsetOf(node));
    }
    for (let node = chain.pop(); node; node = chain.pop()) this.#link(node, place);
    this.#depth = depth;
  }

  /** One part of a chain, without what stands to its left. */
  #link(node: Expression, place: Place): void {
    switch (node.type) {
      case "Identifier":
        this.#scope.use(node.name, offsetOf(node));
        return;
      case "FunctionDeclaration":
        this.#function(node, place);
        return;
      case "TableConstructorExpression":
        for (const field of node.fields) {
          if (field.type === "TableKey") this.#expression(field.key, place);
          this.#expression(field.value, place);
        }
        return;
      case "BinaryExpression":
        this.#expression(node.right, place);
        return;
      case "LogicalExpression":
        this.#expression(node.right, place | CONDITIONAL);
        return;
      case "IndexExpression":
        this.#expression(node.index, place);
        return;
      case "CallExpression":
        this.#call(node.base, node.arguments, offsetOf(node), place);
        return;
      case "StringCallExpression":
        this.#call(node.base, [node.argument], offsetOf(node), place);
        return;
      case "TableCallExpression":
        this.#call(node.base, [node.arguments], offsetOf(node), place);
        return;
    }
  }

  #call(base: Expression, args: readonly Expression[], offset: number, place: Place): void {
    if (args.length > MAX_ARGUMENTS) this.#limit(`more than ${MAX_ARGUMENTS} arguments`, offset);
    const path = memberPath(base);
    if ((path === "pcall" || path === "xpcall") && !this.#scope.find(path)) {
      const guarded = place | GUARDED;
      const [first, ...rest] = args;
      if (first && this.#isRequire(first)) this.#require(rest[path === "xpcall" ? 1 : 0], offset, guarded);
      this.#all(args, guarded);
      return;
    }
    this.#all(args, place);
    if (this.#isRequire(base)) this.#require(args[0], offset, place);
    this.#handler(base, args, offset);
  }

  #require(argument: Expression | undefined, offset: number, place: Place): void {
    const name = argument && foldName(argument, (name) => this.#scope.find(name));
    this.#requires.push({
      name,
      order: this.#order++,
      offset,
      lazy: (place & LAZY) !== 0,
      guarded: (place & GUARDED) !== 0,
      conditional: (place & CONDITIONAL) !== 0,
    });
  }

  #isRequire(node: Expression): boolean {
    if (node.type === "Identifier") {
      const variable = this.#scope.find(node.name);
      return variable ? variable.kind?.is === "require" : node.name === "require";
    }
    const path = memberPath(node);
    return (path === "_G.require" || path === "_ENV.require") && !this.#scope.find(path.slice(0, -8));
  }

  /** What a local is known to hold, so that `local require = require` and `local name = ...` are followed. */
  #kindOf(init: Expression | undefined): Variable["kind"] {
    if (!init) return undefined;
    if (this.#isRequire(init)) return { is: "require" };
    if (init.type === "Identifier" && init.name === "Handlers" && !this.#scope.find("Handlers")) {
      return { is: "handlers" };
    }
    const text = foldName(init, (name) => this.#scope.find(name));
    return text === undefined ? undefined : { is: "text", text };
  }

  #handler(base: Expression, args: readonly Expression[], offset: number): void {
    if (base.type !== "MemberExpression" || !HANDLER_METHODS.has(base.identifier.name)) return;
    let owner = base.base;
    let method = base.identifier.name;
    if (owner.type === "CallExpression" && owner.base.type === "MemberExpression") {
      method = owner.base.identifier.name;
      owner = owner.base.base;
      if (method !== "before" && method !== "after") return;
    }
    if (owner.type !== "Identifier") return;
    const variable = this.#scope.find(owner.name);
    if (variable ? variable.kind?.is !== "handlers" : owner.name !== "Handlers") return;
    const name = args[0] && foldName(args[0], () => undefined);
    const pattern = args.length > 2 ? args[1] : undefined;
    this.#handlers.push({
      method,
      name,
      swallows: pattern !== undefined && isAlways(pattern),
      order: this.#order++,
      offset,
    });
  }
}

/** What an expression begins with, where that is an expression of its own. */
function leftOf(node: Expression): Expression | undefined {
  switch (node.type) {
    case "UnaryExpression":
      return node.argument;
    case "BinaryExpression":
    case "LogicalExpression":
      return node.left;
    case "MemberExpression":
    case "IndexExpression":
    case "CallExpression":
    case "StringCallExpression":
    case "TableCallExpression":
      return node.base;
    default:
      return undefined;
  }
}

/** `a.b.c` as text, for chains of plain names. */
function memberPath(node: Expression): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression" || node.indexer !== ".") return undefined;
  const base = memberPath(node.base);
  return base === undefined ? undefined : `${base}.${node.identifier.name}`;
}

function isPackageLoaded(node: Expression): boolean {
  return node.type === "IndexExpression" && /^(_G\.)?package\.loaded$/.test(memberPath(node.base) ?? "");
}
