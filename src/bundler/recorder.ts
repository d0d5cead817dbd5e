import type { Expression } from "luaparse";
import type { Facts, HandlerFact, LimitFact, LocalFact, ProvideFact, RequireFact } from "./facts.ts";
import { type Lacked, lackedByCall, lackedName } from "./luerl.ts";
import { offsetOf } from "./parse.ts";
import { actionOf, foldName, matchesEveryMessage, memberPath, packageEntryOf } from "./reading.ts";
import { Scope, type Variable } from "./scope.ts";

const HANDLER_METHODS = new Set(["add", "append", "prepend", "once"]);

/** Records what a walk through a syntax tree finds, and resolves names in the current scope. */
export class Recorder {
  readonly scope = new Scope((what, offset) => this.limit(what, offset));
  /** See `Facts`. */
  publishesItself = false;
  readonly #requires: RequireFact[] = [];
  readonly #handlers: HandlerFact[] = [];
  readonly #globals = new Map<string, { order: number; offset: number; count: number; data: boolean }>();
  readonly #locals = new Map<string, LocalFact & { readonly by: Set<string | undefined> }>();
  /** Functions of the module that it calls while it loads. */
  readonly #calledAtLoad = new Set<string>();
  readonly #withMethods = new Set<string>();
  /** Name of the outermost function that the walk is in; undefined if it has none. */
  outermost: string | undefined;
  readonly #limits: LimitFact[] = [];
  readonly #lacks = new Map<string, { order: number; offset: number; count: number; reads: number }>();
  readonly #provides: ProvideFact[] = [];
  #order = 0;
  #ownEnvironment = false;

  /** Everything recorded so far. */
  facts(): Facts {
    return {
      requires: this.#requires,
      handlers: this.#handlers,
      globals: [...this.#globals].map(([name, found]) => ({ name, ...found })),
      locals: this.#localFacts(),
      limits: this.#limits,
      // A module that reads a function without calling it tests for it, replaces it or passes it to pcall.
      lacks: [...this.#lacks]
        .filter(([, { count, reads }]) => count > 0 && reads <= 0)
        .map(([name, { reads: _, ...found }]) => ({ name, ...found })),
      publishesItself: this.publishesItself,
      provides: this.#provides,
    };
  }

  /** An assignment to a field of `package.loaded` or `package.preload`; nil removes a module. */
  packageEntry(target: Expression, value: Expression | undefined): void {
    const entry = packageEntryOf(target);
    if (!entry) return;
    if (entry.table === "loaded") this.publishesItself = true;
    const { key } = entry;
    const name = typeof key === "string" ? key : foldName(key, (name) => this.scope.find(name));
    if (name !== undefined && value?.type !== "NilLiteral")
      this.#provides.push({ name, order: this.#order++ });
  }

  /** Something that Lua rejects although its grammar allows it. */
  limit(what: string, offset: number): void {
    this.#limits.push({ what, order: this.#order++, offset });
  }

  /** A use of something that Luerl lacks. */
  lack(name: string, offset: number): void {
    const lack = this.#lackOf(name);
    if (lack.count++ === 0) lack.offset = offset;
  }

  /** A name or a path that is read; the call of a function also reads it. */
  read(node: Expression): void {
    const name = this.#unlessLocal(lackedName(node));
    if (name !== undefined) this.#lackOf(name).reads++;
  }

  /** A call of something that Luerl may lack; under pcall, the program continues. */
  lackingCall(base: Expression, args: readonly Expression[], offset: number, guarded: boolean): void {
    const name = this.#unlessLocal(lackedName(base));
    if (name !== undefined) this.#lackOf(name).reads--;
    const lacked = name ?? this.#unlessLocal(lackedByCall(base, args));
    if (lacked !== undefined && !guarded) this.lack(lacked, offset);
  }

  #unlessLocal(found: Lacked | undefined): string | undefined {
    return found && !this.scope.find(found.root) ? found.name : undefined;
  }

  #lackOf(name: string) {
    const lack = this.#lacks.get(name) ?? { order: this.#order++, offset: 0, count: 0, reads: 0 };
    this.#lacks.set(name, lack);
    return lack;
  }

  /** An assignment to a name that is not a local. */
  global(name: string, node: Expression, data: boolean): void {
    if (name === "_ENV") this.#ownEnvironment = true;
    // If the module has its own environment, a name that is not a local is a field of that table.
    if (this.#ownEnvironment || this.scope.find("_ENV")) return;
    const found = this.#globals.get(name);
    if (found) {
      found.count++;
      found.data ||= data;
    } else this.#globals.set(name, { order: this.#order++, offset: offsetOf(node), count: 1, data });
  }

  /** A change of a variable, or of the table in it, inside a function. */
  changed(target: Expression | undefined): void {
    let base = target;
    while (base?.type === "MemberExpression" || base?.type === "IndexExpression") base = base.base;
    if (base?.type !== "Identifier" || this.scope.find(base.name)?.keeps !== true) return;
    const { name } = base;
    const found = this.#locals.get(name);
    if (found) found.by.add(this.outermost);
    else
      this.#locals.set(name, {
        name,
        order: this.#order++,
        offset: offsetOf(base),
        by: new Set([this.outermost]),
      });
  }

  /** A function that is put into a table. A local table with functions is a module's interface, which its users may fill while they load. */
  method(target: Expression): void {
    if (target.type === "MemberExpression" && target.base.type === "Identifier")
      this.#withMethods.add(target.base.name);
  }

  /** A call while the module loads. */
  callAtLoad(base: Expression): void {
    if (base.type === "Identifier") this.#calledAtLoad.add(base.name);
  }

  /** Excludes locals that are changed only by functions that run while the module loads: every load sets them again. */
  #localFacts(): LocalFact[] {
    return [...this.#locals.values()]
      .filter(({ name }) => !this.#withMethods.has(name))
      .filter(({ by }) => ![...by].every((name) => name !== undefined && this.#calledAtLoad.has(name)))
      .map(({ by: _, ...fact }) => fact);
  }

  /** Whether a local holds state from its declaration on: a table, an existing or new table (`or {}`), or a number. */
  keeps(init: Expression | undefined): boolean {
    if (init?.type === "LogicalExpression") return init.operator === "or" && this.keeps(init.right);
    return init?.type === "TableConstructorExpression" || init?.type === "NumericLiteral";
  }

  /** A call of `require`, or `require` passed to `pcall`. */
  require(
    argument: Expression | undefined,
    offset: number,
    runs: Pick<RequireFact, "lazy" | "guarded" | "conditional">,
  ): void {
    const name = argument && foldName(argument, (name) => this.scope.find(name));
    this.#requires.push({ name, order: this.#order++, offset, ...runs });
  }

  /** True if the expression is Lua's `require`, whatever its local name. */
  isRequire(node: Expression): boolean {
    if (node.type === "Identifier") {
      const variable = this.scope.find(node.name);
      return variable ? variable.kind?.is === "require" : node.name === "require";
    }
    const path = memberPath(node);
    return (path === "_G.require" || path === "_ENV.require") && !this.scope.find(path.slice(0, -8));
  }

  /** The known value of a local, so that `local require = require` and `local name = ...` are followed. */
  kindOf(init: Expression | undefined): Variable["kind"] {
    if (!init) return undefined;
    if (this.isRequire(init)) return { is: "require" };
    if (init.type === "Identifier" && init.name === "Handlers" && !this.scope.find("Handlers")) {
      return { is: "handlers" };
    }
    const text = foldName(init, (name) => this.scope.find(name));
    return text === undefined ? undefined : { is: "text", text };
  }

  /** A call that may register a handler; ignores any other. */
  handler(base: Expression, args: readonly Expression[], offset: number): void {
    if (base.type !== "MemberExpression" || !HANDLER_METHODS.has(base.identifier.name)) return;
    let owner = base.base;
    let method = base.identifier.name;
    if (owner.type === "CallExpression" && owner.base.type === "MemberExpression") {
      method = owner.base.identifier.name;
      owner = owner.base.base;
      if (method !== "before" && method !== "after") return;
    }
    if (owner.type !== "Identifier") return;
    const variable = this.scope.find(owner.name);
    if (variable ? variable.kind?.is !== "handlers" : owner.name !== "Handlers") return;
    const name = args[0] && foldName(args[0], () => undefined);
    const pattern = args.length > 2 ? args[1] : undefined;
    // `Handlers.add("Ping", handle)`: the name is the action.
    const action = pattern === undefined ? (args.length === 2 ? name : undefined) : actionOf(pattern);
    this.#handlers.push({
      method,
      name,
      ...(action === undefined ? {} : { action }),
      swallows: pattern !== undefined && matchesEveryMessage(pattern),
      order: this.#order++,
      offset,
    });
  }
}
