import { join } from "node:path";
import { explainLuaError, formatLuaError, type SourceMap, store } from "../../bundler/index.ts";
import { composeProgram } from "./program.ts";

/** Number of lines that a deployment puts before a bundle. */
const { offsetLines } = composeProgram("", {
  process: "",
  release: "",
  sourceHash: "",
  version: "",
  epoch: 0,
});

/** Maps a Lua error to the file and line of its source; returns it unchanged if the code is unknown. */
type Explain = (error: string, sourceHash: string | undefined) => Promise<string>;

/** Explains errors with the source maps in a project's bundle store. */
export function luaExplainer(home: string): Explain {
  const bundles = store(join(home, "bundles"));
  const maps = new Map<string, Promise<SourceMap | undefined>>();
  return async (error, sourceHash) => {
    if (sourceHash === undefined || sourceHash === "") return unwrapped(error);
    const map = maps.get(sourceHash) ?? bundles.get(sourceHash).then((stored) => stored?.map);
    maps.set(sourceHash, map);
    const found = await map;
    return found ? formatLuaError(explainLuaError(error, found, offsetLines)) : unwrapped(error);
  };
}

/** The Lua error that a reply of the fleet's library reports, from its position on; undefined if there is none. Pure. */
export function faultIn(data: string): string | undefined {
  if (!data.includes(PLACE)) return undefined;
  try {
    const { error } = JSON.parse(data) as { error?: { message?: unknown } };
    const message = typeof error?.message === "string" ? error.message : "";
    const start = message.indexOf('[string "aos"]:');
    return start < 0 ? undefined : message.slice(start);
  } catch {
    return undefined;
  }
}

/** The start of a position, in JSON. */
const PLACE = '[string \\"aos\\"]:';

/** The error without colours and aos' wrappers; its positions are unchanged. */
const unwrapped = (error: string): string =>
  explainLuaError(error, { version: 1, name: "", hash: "", modules: [] }).message;
