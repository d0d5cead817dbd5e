/** Something found in a module's syntax tree. */
export interface Found {
  /** Counts what was found, in the order in which it is evaluated: the name of this find within its module. */
  readonly order: number;
  /** Where it stands in the text. 0 until somebody asks for places: keeping them makes parsing a third slower. */
  readonly offset: number;
}

/** A `require`. */
export interface RequireFact extends Found {
  /**
   * The name, where it can be known without running the program: a literal, or literals joined by `..`.
   * `\0self` stands for the module's own name (`...`), `\0parent` for that name up to its last dot.
   */
  readonly name: string | undefined;
  /** Inside a function: run later or never, so a cycle through it is no cycle at load time. */
  readonly lazy: boolean;
  /** Under `pcall` or `xpcall`: the program goes on when the module is missing. */
  readonly guarded: boolean;
  /** Inside `if`, a loop or `and`/`or`: perhaps not run. */
  readonly conditional: boolean;
}

/** A call of `Handlers.add`, `append`, `prepend`, `once`, `before(…).add` or `after(…).add`. */
export interface HandlerFact extends Found {
  readonly method: string;
  readonly name: string | undefined;
  /** The one action that its pattern takes, where that can be read. */
  readonly action?: string;
  /** True when the pattern takes every message and lets none through to later handlers. */
  readonly swallows: boolean;
}

/** A global that the module assigns, at the first place. */
export interface GlobalFact extends Found {
  readonly name: string;
  readonly count: number;
  /** Something else than a function is assigned to it somewhere. */
  readonly data: boolean;
}

/** A local of the module itself, a table or a number, that its functions change: state that nothing outside of it can see. */
export interface LocalFact extends Found {
  readonly name: string;
}

/** A name that is put into `package.loaded` or `package.preload`: a program that is a bundle already does so. */
export interface ProvideFact {
  readonly name: string;
  /** See `Found`. */
  readonly order: number;
}

/** Something that Lua itself refuses though its grammar allows it. */
export interface LimitFact extends Found {
  readonly what: string;
}

/** All that the bundler wants to know of a module's text; depends on the text alone. */
export interface Facts {
  readonly fault?: { readonly message: string; readonly offset: number };
  readonly requires: readonly RequireFact[];
  readonly handlers: readonly HandlerFact[];
  readonly globals: readonly GlobalFact[];
  readonly locals: readonly LocalFact[];
  readonly limits: readonly LimitFact[];
  /** The module writes to `package.loaded`, a known way to make a cycle work. */
  readonly publishesItself: boolean;
  /** Modules that it brings itself. */
  readonly provides: readonly ProvideFact[];
}

export const SELF = "\0self";
export const PARENT = "\0parent";
