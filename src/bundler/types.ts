import type { Problem } from "../core/errors.ts";
import type { ImageModules } from "./aos-modules.ts";
import type { Library } from "./files.ts";

/** What one bundle is made of. Every path may be absolute or relative to `root`. */
export interface BundleOptions {
  /** The process's logical name. Two bundles of the same name replace each other inside a process. */
  readonly name: string;
  /**
   * The file that is run last: a Lua file, a folder (its `init.lua`, `main.lua` or `<folder>.lua`), or
   * `npm:<package>` (the package's `lua` field, else its `init.lua`).
   */
  readonly entry: string;
  /** The project's folder: names in the output are relative to it, so no machine's paths get into the bytes. */
  readonly root: string;
  /** Module files run in this order before the entry. Default: none. */
  readonly prelude?: readonly string[];
  /** Further folders in which `require` names are searched, after the entry's folder and `root`. Default: none. */
  readonly search?: readonly string[];
  /** One of `search` that is installed outside the project: its files are named by its label. Default: none. */
  readonly library?: Library;
  /** Modules that are only required by computed names. They are carried and can be required by these names. */
  readonly include?: readonly string[];
  /**
   * The image that the program will run on: an id, the name of an aos image, or what is known of one's own. Default: a
   * module that any aos image carries is taken as the image's.
   */
  readonly image?: string | ImageModules;
  /** Names left to the process' own `require`; a trailing `*` matches any rest. The image's own modules need not be listed. */
  readonly externals?: readonly string[];
  /** Another name for a module: name → module name or file. Wins over everything, aos' own modules included. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Globals that are set before the first module runs. Strings round-trip byte for byte. Default: none. */
  readonly constants?: Readonly<Record<string, string | number | boolean>>;
  /** Smaller text, same lines: comments and indentation are removed. Default: false. */
  readonly minify?: boolean;
  /** The largest bundle in bytes that is accepted. Default: no limit. */
  readonly budget?: { readonly maxBytes?: number };
  /** Codes of warnings (and of the errors that may be left to the process) that are accepted, each with the reason. */
  readonly silence?: Readonly<Record<string, string>>;
  /** Actions that the prelude answers unless the program has a handler of its own, which is warned of. Default: none. */
  readonly shared?: readonly string[];
  /** All globals that the program may assign; where some are named, assigning any other is warned of. @default any */
  readonly state?: readonly string[];
  /** The only globals that a hand-over carries: data in any other is warned of. @default whatever messages changed is carried */
  readonly carried?: readonly string[];
  /** A folder that remembers what was found in each source text between runs. Default: only this process remembers. */
  readonly cache?: string;
}

/** Where a module's text stands in the bundle: 1-based first line, and how many lines it has. */
export interface LineSpan {
  readonly start: number;
  readonly count: number;
}

export interface BundledModule {
  /** The name that it is required by: the first one met when the requires are followed in order. */
  readonly name: string;
  /** Relative to the root, with forward slashes on every system. */
  readonly file: string;
  /** UTF-8 bytes that the module takes in the bundle. */
  readonly bytes: number;
  /** sha256 of the module's source text, line ends and byte-order mark normalised. */
  readonly hash: string;
  readonly lines: LineSpan;
}

/** Leads a line of the bundle back to the user's own file. Plain data; kept beside the bundle. */
export interface SourceMap {
  readonly version: 1;
  /** The bundle's name. */
  readonly name: string;
  /** The bundle's sha256. */
  readonly hash: string;
  readonly modules: readonly MappedModule[];
}

export interface MappedModule {
  readonly name: string;
  readonly file: string;
  readonly lines: LineSpan;
  /** The source as it was read, so that an error can show its line when the file has changed since. */
  readonly source: string;
}

/** State of a program that knows nothing of the fleet's. */
export interface Keeps {
  /** Globals that hold something else than functions, aos' own aside, sorted. */
  readonly globals: readonly string[];
  /** Locals of modules that their functions change: nothing outside can see them. */
  readonly locals: readonly { readonly name: string; readonly at: string }[];
}

export interface Bundle {
  readonly name: string;
  /** One Lua chunk. Lines may stand before it and a statement, `return` included, may follow it. */
  readonly text: string;
  /** sha256 of the text. */
  readonly hash: string;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  readonly modules: readonly BundledModule[];
  readonly map: SourceMap;
  /** What the program's own modules keep between messages, as far as their texts show. */
  readonly keeps: Keeps;
  /** What was noticed and not silenced; none of it keeps the program from loading. */
  readonly warnings: readonly Problem[];
}
