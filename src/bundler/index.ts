/** Lua files in, one deterministic bundle with a source map out. Knows no network and no Pulumi. */
export { AOS_GLOBALS, type ImageModules, imageModules, wasmModules } from "./aos-modules.ts";
export { bundle } from "./bundle.ts";
export { removeOldFacts } from "./cache.ts";
export { changedModules, type ModuleChanges, type NamedHash } from "./changes.ts";
export { luaString } from "./constants.ts";
export { type ExplainedError, excerptOf, explainLuaError, formatLuaError } from "./explain.ts";
export type { Library } from "./files.ts";
export { luaModule } from "./literal.ts";
export { processFile, writeProcessFile } from "./process-file.ts";
export { WARNING_CODES } from "./silence.ts";
export { checkImage, checkSize, kB, sizes } from "./size.ts";
export { type BundleStore, type StoredBundle, store } from "./store.ts";
export type {
  Bundle,
  BundledModule,
  BundleOptions,
  KeptState,
  LineSpan,
  MappedModule,
  SourceMap,
} from "./types.ts";
export { readWasm, type WasmFacts } from "./wasm.ts";
export { type WatchReport, watchBundle } from "./watch.ts";
