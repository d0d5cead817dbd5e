import { AOS_IMAGES, IN_EVERY_IMAGE } from "./aos-images.ts";

/** What is known of the modules that the image under a program carries. */
export interface ImageModules {
  /** How the image is called in errors. */
  readonly name: string;
  /** True or false where it is known whether the image carries the module; undefined where nobody knows. */
  carries(module: string): boolean | undefined;
  /** The largest Eval in bytes of JSON, where the image takes less than the network. */
  readonly maxEvalBytes?: number;
}

const EVERY: ReadonlySet<string> = new Set(IN_EVERY_IMAGE);
const ANY: ReadonlySet<string> = new Set([
  ...IN_EVERY_IMAGE,
  ...AOS_IMAGES.flatMap(({ modules }) => modules),
]);

/** Where no image is named: whatever any aos image carries. */
export const ANY_IMAGE: ImageModules = { name: "aos", carries: (module) => ANY.has(module) };

/**
 * What an image carries.
 *
 * @param image an id, or the name of an image; `aos` is the default one. Of another id it is known only that what all
 * aos images carry is there.
 */
export function imageModules(image: string): ImageModules {
  const known = AOS_IMAGES.find(({ name, id }) => image === id || image === name);
  const found = known ?? (image === "aos" ? AOS_IMAGES[0] : undefined);
  if (!found) return { name: image, carries: (module) => EVERY.has(module) || undefined };
  const own = new Set(found.modules);
  const { name, maxEvalBytes } = found;
  return {
    name,
    carries: (module) => EVERY.has(module) || own.has(module),
    ...(maxEvalBytes === undefined ? {} : { maxEvalBytes }),
  };
}

/**
 * What an image of one's own carries: the names that stand in its bytes, where its loader compares them.
 *
 * @param name how it is called in errors
 */
export function wasmModules(name: string, wasm: Buffer): ImageModules {
  // Lua's own libraries are in every image; linkers store short names like `os` as the tail of a longer one.
  const standard = (module: string) => EVERY.has(module) && isPlainAosModule(module);
  return { name, carries: (module) => standard(module) || holdsName(wasm, module) };
}

/** True when the bytes hold the name as a C string, as an image's loader compares it, or its `init` as a package's. */
function holdsName(wasm: Buffer, name: string): boolean {
  const ends = Buffer.from(`${name}\0`);
  for (let at = wasm.indexOf(ends); at !== -1; at = wasm.indexOf(ends, at + 1)) {
    const before = wasm[at - 1];
    if (before === undefined || !/[\w.@/-]/.test(String.fromCharCode(before))) return true;
  }
  return !name.endsWith(".init") && wasm.includes(`${name}.init\0`);
}

/** The images that carry a module, by name. */
export const imagesWith = (module: string): string[] =>
  EVERY.has(module)
    ? []
    : AOS_IMAGES.filter(({ modules }) => modules.includes(module)).map(({ name }) => name);

/** True for a name that aos answers itself and that a project's file may take: `json`, `ao`, `string`, … */
export function isPlainAosModule(name: string): boolean {
  return !name.startsWith(".") && ANY.has(name);
}

/** True for a leading-dot name of aos: never a project's file, whatever files there are; only an alias overrules it. */
export function isDottedAosModule(name: string): boolean {
  return name.startsWith(".") && ANY.has(name);
}

/** Globals that aos defines and programs may set: no state of the program's own. */
export const AOS_GLOBALS: ReadonlySet<string> = new Set(
  (
    "Assign Bell Colors Dump Errors HANDLER_PRINT_LOGS Handlers Inbox Name Nonce Owner Prompt Receive Seeded Send " +
    "Spawn Tab Utils Version ao print"
  ).split(" "),
);
