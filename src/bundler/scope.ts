/** A local variable and what is known about its value. */
export interface Variable {
  readonly owner: FunctionScope;
  /** True if it holds a table or a number from its declaration on. */
  readonly keeps: boolean;
  /** Cleared when the variable is assigned again. */
  kind:
    | { readonly is: "require" }
    | { readonly is: "handlers" }
    | { readonly is: "text"; readonly text: string }
    | undefined;
}

interface FunctionScope {
  readonly parent: FunctionScope | undefined;
  readonly offset: number;
  /** Number of locals in scope. */
  active: number;
  readonly upvalues: Set<Variable | string>;
  full: boolean;
}

interface Block {
  names: Map<string, Variable> | undefined;
  readonly owner: FunctionScope;
  readonly active: number;
}

/** Lua 5.3: `MAXVARS` and `MAXUPVAL`. */
const MAX_LOCALS = 200;
const MAX_UPVALUES = 255;

/** Follows Lua's lexical scopes and counts what Lua limits in each function. */
export class Scope {
  readonly #report: (what: string, offset: number) => void;
  readonly #blocks: Block[] = [];
  #function: FunctionScope = { parent: undefined, offset: 0, active: 0, upvalues: new Set(), full: false };

  constructor(report: (what: string, offset: number) => void) {
    this.#report = report;
  }

  open(): void {
    this.#blocks.push({ names: undefined, owner: this.#function, active: this.#function.active });
  }

  close(): void {
    const block = this.#blocks.pop();
    if (block) block.owner.active = block.active;
  }

  enter(offset: number): void {
    this.#function = { parent: this.#function, offset, active: 0, upvalues: new Set(), full: false };
    this.open();
  }

  leave(): void {
    this.close();
    if (this.#function.parent) this.#function = this.#function.parent;
  }

  /** Hidden locals that Lua creates for a loop. */
  hide(count: number): void {
    this.#function.active += count;
  }

  declare(name: string, offset: number, kind?: Variable["kind"], keeps = false): void {
    const owner = this.#function;
    owner.active++;
    if (owner.active > MAX_LOCALS && !owner.full) {
      owner.full = true;
      this.#report(`more than ${MAX_LOCALS} local variables in one function`, offset);
    }
    const block = this.#blocks[this.#blocks.length - 1];
    if (!block) return;
    block.names ??= new Map();
    block.names.set(name, { owner, kind, keeps });
  }

  /** The local that the name refers to, or undefined for a global. */
  find(name: string): Variable | undefined {
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const found = this.#blocks[i]?.names?.get(name);
      if (found) return found;
    }
    return undefined;
  }

  /** Like `find`, and counts the name as an upvalue of every function between its use and its declaration. */
  use(name: string, offset: number): Variable | undefined {
    const variable = this.find(name);
    // A global is accessed through the upvalue `_ENV`; the bundle passes `require` in the same way.
    const key = variable ?? (name === "require" ? name : "_ENV");
    for (let fn: FunctionScope | undefined = this.#function; fn && fn !== variable?.owner; fn = fn.parent) {
      if (fn.upvalues.has(key)) break;
      fn.upvalues.add(key);
      if (fn.upvalues.size === MAX_UPVALUES + 1) {
        this.#report(`more than ${MAX_UPVALUES} upvalues in one function`, offset);
      }
    }
    return variable;
  }
}
