import type { Facts, RequireFact } from "./facts.ts";
import type { Library } from "./files.ts";

/** A `require` and its target: a module's file, or undefined for the process' own `require`. */
interface Edge {
  readonly name: string;
  readonly fact: RequireFact;
  readonly to: string | undefined;
  /** Left to the process although it is unknown whether its image contains the module. */
  readonly assumed?: true;
}

/** One Lua file of the program. `file` is its identity: one file is one module, whatever names it is required by. */
export interface GraphModule {
  readonly file: string;
  readonly path: string;
  /** The first name that it is required by, else its path with dots. */
  name: string;
  readonly text: string;
  readonly hash: string;
  readonly facts: Facts;
  readonly edges: Edge[];
  /** Part of the prelude, or required only by it: not the author's own code. */
  readonly library: boolean;
}

/** The roots of a program: the files to run, in order, and modules that are required only by computed names. */
export interface ProgramRoots {
  readonly root: string;
  /** The name of the program's image in errors. */
  readonly image: string;
  readonly prelude: readonly { readonly path: string; readonly searched: string; readonly name: string }[];
  readonly entry: { readonly path: string; readonly searched: string };
  readonly include: readonly string[];
  readonly library: Library | undefined;
}
