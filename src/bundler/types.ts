import type { Problem } from "../core/errors.ts";
import type { ImageModules } from "./aos-modules.ts";
import type { Library } from "./files.ts";

/** The input of one bundle. Every path is absolute or relative to `root`. */
export interface BundleOptions {
  /** The process's logical name. Two bundles of the same name replace each other inside a process. */
  readonly name: string;
  /**
   * The file that runs last: a Lua file, a folder (its `init.lua`, `main.lua` or `<folder>.lua`), or
   * `npm:<package>` (the package's `lua` field, else its `init.lua`).
   */
  readonly entry: string;
  /** The project's folder: names in the output are relative to it, so the bytes contain no absolute paths. */
  readonly root: string;
  /** Module files that run before the entry, in this order. Default: none. */
  readonly prelude?: readonly string[];
  /** Further folders that are searched for `require` names, after the entry's folder and `root`. Default: none. */
  readonly search?: readonly string[];
  /** A folder of `search` that is installed outside the project: its label is the prefix of its files' names. Default: none. */
  readonly library?: Library;
  /** Modules that are only required by computed names. They are bundled and can be required by these names. */
  readonly include?: readonly string[];
  /**
   * The image that the program runs on: an id, the name of an aos image, or the modules of a custom one. Default: a
   * module that any aos image contains is assumed to be in the image.
   */
  readonly image?: string | ImageModules;
  /** Names left to the process' own `require`; a trailing `*` matches any suffix. The image's own modules need not be listed. */
  readonly externals?: readonly string[];
  /** Other names for modules: name → module name or file. Overrides everything, including aos' own modules. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Globals that are set before the first module runs. Strings are preserved byte for byte. Default: none. */
  readonly constants?: Readonly<Record<string, string | number | boolean>>;
  /** Removes comments and indentation; line numbers do not change. The library is always minified. Default: false. */
  readonly minify?: boolean;
  /** The largest accepted bundle in bytes. Default: no limit. */
  readonly budget?: { readonly maxBytes?: number };
  /** Codes of accepted warnings (and of errors that can be left to the process), each with the reason. */
  readonly silence?: Readonly<Record<string, string>>;
  /** Actions that the prelude handles unless the program has its own handler, which causes a warning. Default: none. */
  readonly shared?: readonly string[];
  /** All globals that the program may assign; if any are listed, assigning another one causes a warning. @default any */
  readonly state?: readonly string[];
  /** The only globals that a hand-over carries: data in any other causes a warning. @default every global that messages changed */
  readonly carried?: readonly string[];
  /** A folder that caches the facts of each source and the minified library between runs. Default: cached only in this process. */
  readonly cache?: string;
}

/** The position of a module's text in the bundle: 1-based first line, and number of lines. */
interface LineSpan {
  readonly start: number;
  readonly count: number;
}

export interface BundledModule {
  /** The name that it is required by: the first one when the requires are followed in order. */
  readonly name: string;
  /** Relative to the root, with forward slashes on every system. */
  readonly file: string;
  /** The module's size in the bundle, in UTF-8 bytes. */
  readonly bytes: number;
  /** sha256 of the module's source text, line ends and byte-order mark normalised. */
  readonly hash: string;
  readonly lines: LineSpan;
}

/** Maps a line of the bundle to the user's own file. Plain data; stored next to the bundle. */
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
  /** The source as it was read, so that an error can show its line after the file has changed. */
  readonly source: string;
}

/** State that a program keeps outside the fleet's library. */
export interface KeptState {
  /** Globals other than functions, without aos' own, sorted. */
  readonly globals: readonly string[];
  /** Locals of modules that their functions change: they are invisible from outside. */
  readonly locals: readonly { readonly name: string; readonly at: string }[];
}

export interface Bundle {
  readonly name: string;
  /** One Lua chunk. Lines may precede it, and a statement, including `return`, may follow it. */
  readonly text: string;
  /** sha256 of the text. */
  readonly hash: string;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  readonly modules: readonly BundledModule[];
  readonly map: SourceMap;
  /** State that the program's own modules keep between messages, as far as their sources show. */
  readonly keeps: KeptState;
  /** Warnings that are not silenced; none prevents the program from loading. */
  readonly warnings: readonly Problem[];
}
