import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, sha256 } from "../../core/hash.ts";
import { readJson, writeAtomically, writeBytesAtomically } from "../files.ts";

/** The project's own WebAssembly module, as it is published. */
interface OwnModule {
  readonly wasm: Uint8Array;
  /** Tags of the data item, except `Module-Hash`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A content-addressed store of a project's own modules: `<hash>.wasm`, and `<hash>.json` with the tags. */
interface ModuleStore {
  /** Stores a module. Idempotent. @returns the hash of its bytes and tags */
  put(module: OwnModule): Promise<string>;
  /** The module with that hash, or undefined if it is missing or does not match the hash. */
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

/** The name of an own module in a declaration: by its content, the same on every machine and network. */
export const ownModule = (hash: string): string => `wasm:${hash}`;

/** @returns undefined for an id or an alias */
export const ownModuleHash = (module: string): string | undefined =>
  /^wasm:([0-9a-f]{64})$/.exec(module)?.[1];
