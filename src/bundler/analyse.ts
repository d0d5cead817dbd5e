import type { Chunk, Expression, FunctionDeclaration, Identifier, Statement } from "luaparse";
import type { Facts } from "./facts.ts";
import { ENVIRONMENT, GOTO, unreadableTexts } from "./luerl.ts";
import { inParentheses, offsetOf, parseLua } from "./parse.ts";
import { leftOf, memberPath } from "./reading.ts";
import { Recorder } from "./recorder.ts";

/**
 * Maximum nesting of statements and expressions: Lua's own limit is 200 C calls, of which aos and the bundle use twelve
 * (measured).
 */
const MAX_DEPTH = 188;
/** A call keeps its arguments in registers, and a function has 255. */
const MAX_ARGUMENTS = 250;

/** Flags that describe whether and when an expression runs, depending on where it is. */
const LAZY = 1;
const GUARDED = 2;
const CONDITIONAL = 4;
type Place = number;

/**
 * Reads one module's source. Pure: the same source yields the same facts.
 *
 * @param places whether the facts include their offsets
 */
export function analyse(text: string, places = false): Facts {
  const parsed = parseLua(text, places);
  if (parsed.fault) {
    return {
      fault: parsed.fault,
      requires: [],
      handlers: [],
      globals: [],
      locals: [],
      limits: [],
      lacks: [],
      publishesItself: false,
      provides: [],
    };
  }
  return new Reader().read(parsed.chunk, unreadableTexts(text));
}

class Reader {
  #depth = 0;
  readonly #found = new Recorder();
  readonly #scope = this.#found.scope;

  read(chunk: Chunk, texts: ReturnType<typeof unreadableTexts>): Facts {
    this.#block(chunk.body, 0);
    for (const { name, offset } of texts) this.#found.lack(name, offset);
    return this.#found.facts();
  }

  #block(body: readonly Statement[], place: Place): void {
    this.#scope.open();
    for (const statement of body) this.#statement(statement, place);
    this.#scope.close();
  }

  #deeper(offset: number): void {
    this.#depth++;
    if (this.#depth === MAX_DEPTH) this.#found.limit(`more than ${MAX_DEPTH} levels of nesting`, offset);
  }

  #statement(node: Statement, place: Place): void {
    if (this.#depth > MAX_DEPTH) return;
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
          if (node.init.length > 0 && node.init[i]?.type !== "NilLiteral") this.#environment(variable);
          const keeps = (place & LAZY) === 0 && this.#found.keeps(node.init[i]);
          this.#scope.declare(variable.name, offsetOf(variable), this.#found.kindOf(node.init[i]), keeps);
        });
        return;
      case "AssignmentStatement":
        node.variables.forEach((target, i) => {
          this.#assign(target, place, node.init[i]?.type !== "FunctionDeclaration");
        });
        this.#all(node.init, place);
        // Recorded after the values, because what these require comes first.
        for (const [i, target] of node.variables.entries()) this.#found.packageEntry(target, node.init[i]);
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
      case "GotoStatement":
        this.#found.lack(GOTO, offsetOf(node));
        return;
    }
  }

  /** Luerl takes `_ENV` for a name like any other. Without a value, as modules declare it that use no globals, that makes no difference. */
  #environment(variable: Identifier): void {
    if (variable.name === ENVIRONMENT) this.#found.lack(ENVIRONMENT, offsetOf(variable));
  }

  #loop(variables: readonly Identifier[], body: readonly Statement[], place: Place): void {
    this.#scope.open();
    this.#scope.hide(3);
    for (const variable of variables) this.#scope.declare(variable.name, offsetOf(variable));
    this.#block(body, place);
    this.#scope.close();
  }

  #assign(target: Expression, place: Place, data: boolean): void {
    if (data && (place & LAZY) !== 0) this.#found.changed(target);
    if (!data && (place & LAZY) === 0) this.#found.method(target);
    if (target.type !== "Identifier") {
      if (target.type === "MemberExpression" && target.base.type === "Identifier") {
        if (target.base.name === "_G" && !this.#scope.find("_G"))
          this.#found.global(target.identifier.name, target, data);
      }
      this.#expression(target, place);
      return;
    }
    this.#environment(target);
    const variable = this.#scope.use(target.name, offsetOf(target));
    if (variable) variable.kind = undefined;
    else this.#found.global(target.name, target, data);
  }

  #declareFunction(node: FunctionDeclaration, place: Place): void {
    const { identifier } = node;
    if (identifier?.type === "Identifier") {
      if (node.isLocal) this.#scope.declare(identifier.name, offsetOf(identifier));
      else this.#assign(identifier, place, false);
    } else if (identifier) this.#assign(identifier, place, false);
    this.#function(node, place);
  }

  #function(node: FunctionDeclaration, place: Place): void {
    this.#scope.enter(offsetOf(node));
    const { identifier } = node;
    if ((place & LAZY) === 0)
      this.#found.outermost = identifier?.type === "Identifier" ? identifier.name : undefined;
    if (identifier?.type === "MemberExpression" && identifier.indexer === ":") {
      this.#scope.declare("self", offsetOf(node));
    }
    for (const parameter of node.parameters) {
      if (parameter.type !== "Identifier") continue;
      this.#environment(parameter);
      this.#scope.declare(parameter.name, offsetOf(parameter));
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
    if (this.#depth > MAX_DEPTH) return;
    const depth = this.#depth;
    this.#deeper(offsetOf(start));
    // Long chains nest to the left: they are walked iteratively, from the innermost part outwards.
    const chain: Expression[] = [];
    for (let node: Expression | undefined = start; node; node = leftOf(node)) {
      chain.push(node);
      if (inParentheses(node) || node.type === "UnaryExpression") this.#deeper(offsetOf(node));
    }
    for (let node = chain.pop(); node; node = chain.pop()) this.#link(node, place);
    this.#depth = depth;
  }

  /** One part of a chain, without the part to its left. */
  #link(node: Expression, place: Place): void {
    switch (node.type) {
      case "Identifier":
        this.#environment(node);
        this.#found.read(node);
        this.#scope.use(node.name, offsetOf(node));
        return;
      case "MemberExpression":
        this.#found.read(node);
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

  #require(argument: Expression | undefined, offset: number, place: Place): void {
    this.#found.require(argument, offset, {
      lazy: (place & LAZY) !== 0,
      guarded: (place & GUARDED) !== 0,
      conditional: (place & CONDITIONAL) !== 0,
    });
  }

  #call(base: Expression, args: readonly Expression[], offset: number, place: Place): void {
    if (args.length > MAX_ARGUMENTS) this.#found.limit(`more than ${MAX_ARGUMENTS} arguments`, offset);
    const path = memberPath(base);
    if ((path === "pcall" || path === "xpcall") && !this.#scope.find(path)) {
      const guarded = place | GUARDED;
      const [first, ...rest] = args;
      if (first && this.#found.isRequire(first))
        this.#require(rest[path === "xpcall" ? 1 : 0], offset, guarded);
      this.#all(args, guarded);
      return;
    }
    this.#all(args, place);
    if ((place & LAZY) === 0) this.#found.callAtLoad(base);
    if ((path === "table.insert" || path === "table.remove") && (place & LAZY) !== 0)
      this.#found.changed(args[0]);
    if (this.#found.isRequire(base)) this.#require(args[0], offset, place);
    this.#found.lackingCall(base, args, offset, (place & GUARDED) !== 0);
    this.#found.handler(base, args, offset);
  }
}
