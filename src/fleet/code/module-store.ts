import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, sha256 } from "../../core/hash.ts";
import { readJson, writeAtomically, writeBytesAtomically } from "../files.ts";

/** A WebAssembly module of the project's own, as it is published. */
interface OwnModule {
  readonly wasm: Uint8Array;
  /** Tags of the data item, `Module-Hash` not among them. */
  readonly tags: Readonly<Record<string, string>>;
}

/** The own modules of a project by content in a folder: `<hash>.wasm`, and `<hash>.json` with the tags beside it. */
interface ModuleStore {
  /** Keeps a module; keeping the same one again changes nothing. @returns its hash: of the bytes and the tags */
  put(module: OwnModule): Promise<string>;
  /** The module of that hash, or undefined when it is not there or not what the hash says. */
  get(hash: string): Promise<OwnModule | undefined>;
}

/** @param home the folder `.fleet` */
export function moduleStore(home: string): ModuleStore {
  const path = (hash: string, ending: string) => join(home, "modules", `${hash}.${ending}`);
  async function get(hash: string): Promise<OwnModule | undefined> {
    const wasm = await readFile(path(hash, "wasm")).catch(() => undefined);
    const tags = (await readJson(path(hash, "json")).catch(() => undefined)) as OwnModule["tags"] | undefined;
    if (!wasm || !tags || hashOfModule({ wasm, tags }) !== hash) return undefined;
    return { wasm, tags };
  }
  return {
    get,
    async put(module) {
      const hash = hashOfModule(module);
      if (await get(hash)) return hash;
      await writeAtomically(path(hash, "json"), JSON.stringify(module.tags));
      await writeBytesAtomically(path(hash, "wasm"), module.wasm);
      return hash;
    },
  };
}

const hashOfModule = ({ wasm, tags }: OwnModule): string => hashOf({ wasm: sha256(wasm), tags });

/** How a declaration names an own module: by its content, the same on every machine and network. */
export const ownModule = (hash: string): string => `wasm:${hash}`;

/** @returns undefined for an id or an alias */
export const hashOfOwn = (module: string): string | undefined => /^wasm:([0-9a-f]{64})$/.exec(module)?.[1];
