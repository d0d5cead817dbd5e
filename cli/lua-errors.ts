import { join } from "node:path";
import { explainLuaError, formatLuaError, type SourceMap, store } from "../bundler/index.ts";
import { composeProgram } from "../providers/process/program.ts";

/** Lines that a deployment puts before a bundle. */
const { offsetLines } = composeProgram("", {
  process: "",
  release: "",
  sourceHash: "",
  version: "",
  epoch: 0,
});

/** Says Lua errors of one deployed bundle at the file and line of their source. */
export async function luaExplainer(home: string, sourceHash: string): Promise<(error: string) => string> {
  const map: SourceMap | undefined = (await store(join(home, "bundles")).get(sourceHash))?.map;
  if (!map) return (error) => error;
  return (error) => formatLuaError(explainLuaError(error, map, offsetLines));
}
