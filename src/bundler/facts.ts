/** Something found in a module's syntax tree. */
export interface Found {
  /** The index of this find in its module, in evaluation order; identifies it. */
  readonly order: number;
  /** Its offset in the source. 0 unless places were requested: keeping them slows parsing down by a third. */
  readonly offset: number;
}

/** A `require`. */
export interface RequireFact extends Found {
  /**
   * The name, if it is known without running the program: a literal, or literals joined by `..`.
   * `\0self` stands for the module's own name (`...`), `\0parent` for that name up to its last dot.
   */
  readonly name: string | undefined;
  /** Inside a function: runs later or never, so a cycle through it is not a cycle at load time. */
  readonly lazy: boolean;
  /** Under `pcall` or `xpcall`: the program continues if the module is missing. */
  readonly guarded: boolean;
  /** Inside `if`, a loop or `and`/`or`: may not run. */
  readonly conditional: boolean;
}

/** A call of `Handlers.add`, `append`, `prepend`, `once`, `before(…).add` or `after(…).add`. */
export interface HandlerFact extends Found {
  readonly method: string;
  readonly name: string | undefined;
  /** The one action that its pattern matches, if that can be determined. */
  readonly action?: string;
  /** True if the pattern matches every message and passes none on to later handlers. */
  readonly swallows: boolean;
}

/** A global that the module assigns, at its first assignment. */
export interface GlobalFact extends Found {
  readonly name: string;
  readonly count: number;
  /** True if something other than a function is assigned to it. */
  readonly data: boolean;
}

/** A local table or number of the module that its functions change: state that is invisible from outside. */
export interface LocalFact extends Found {
  readonly name: string;
}

/** A name that is put into `package.loaded` or `package.preload`, as programs that are already bundled do. */
export interface ProvideFact {
  readonly name: string;
  /** See `Found`. */
  readonly order: number;
}

/** Something that Lua rejects although its grammar allows it. */
export interface LimitFact extends Found {
  readonly what: string;
}

/** Something that the Lua of the device `lua@5.3a` lacks (`luerl.ts`), at its first use. */
export interface LackFact extends Found {
  readonly name: string;
  readonly count: number;
}

/** Everything that the bundler needs to know about a module; depends only on its source. */
export interface Facts {
  readonly fault?: { readonly message: string; readonly offset: number };
  readonly requires: readonly RequireFact[];
  readonly handlers: readonly HandlerFact[];
  readonly globals: readonly GlobalFact[];
  readonly locals: readonly LocalFact[];
  readonly limits: readonly LimitFact[];
  readonly lacks: readonly LackFact[];
  /** The module writes to `package.loaded`, a common way to make a cycle work. */
  readonly publishesItself: boolean;
  /** Modules that it provides itself. */
  readonly provides: readonly ProvideFact[];
}

export const SELF = "\0self";
export const PARENT = "\0parent";
