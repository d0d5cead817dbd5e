/** Lua files in, one deterministic bundle with a source map out. Knows no network and no Pulumi. */
export { AOS_GLOBALS, type ImageModules, imageModules, wasmModules } from "./aos-modules.ts";
export { bundle } from "./bundle.ts";
export { removeOldFacts } from "./cache.ts";
export { luaString } from "./constants.ts";
export { excerptOf, explainLuaError, formatLuaError, sourceLine } from "./explain.ts";
export type { Library } from "./files.ts";
export { luaModule } from "./literal.ts";
export { processFile, writeProcessFile } from "./process-file.ts";
export { checkImage, checkSize, kB } from "./size.ts";
export { statementLines } from "./statement-lines.ts";
export { type StoredBundle, store } from "./store.ts";
export type {
  Bundle,
  BundleOptions,
  KeptState,
  SourceMap,
} from "./types.ts";
export { readWasm } from "./wasm.ts";
export { watchBundle, watchFolders } from "./watch.ts";
