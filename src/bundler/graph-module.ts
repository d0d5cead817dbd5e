import type { Facts, RequireFact } from "./facts.ts";
import type { Library } from "./files.ts";

/** A `require` with what it leads to: a module's file, or undefined for the process' own `require`. */
interface Edge {
  readonly name: string;
  readonly fact: RequireFact;
  readonly to: string | undefined;
  /** Left to the process though nobody knows whether its image carries the module. */
  readonly assumed?: true;
}

/** One Lua file of the program. `file` is its identity: one file, one module, however it is named. */
export interface GraphModule {
  readonly file: string;
  readonly path: string;
  /** The name it is first required by, else its path with dots. */
  name: string;
  readonly text: string;
  readonly hash: string;
  readonly facts: Facts;
  readonly edges: Edge[];
  /** Part of the prelude, or reached from it alone: not the author's own code. */
  readonly library: boolean;
}

/** What may start a program: the files to run in order, and names that are only computed. */
export interface Starts {
  readonly root: string;
  /** How the image under the program is called in errors. */
  readonly image: string;
  readonly prelude: readonly { readonly path: string; readonly searched: string; readonly name: string }[];
  readonly entry: { readonly path: string; readonly searched: string };
  readonly include: readonly string[];
  readonly library: Library | undefined;
}
