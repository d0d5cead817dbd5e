import { AOS_IMAGES, IMAGE_GLOBALS, IN_EVERY_IMAGE } from "./aos-images.ts";

/** The modules that a program's image contains, as far as known. */
export interface ImageModules {
  /** The image's name in errors. */
  readonly name: string;
  /** Whether the image contains the module; undefined if unknown. */
  carries(module: string): boolean | undefined;
  /** The largest Eval in bytes of JSON, if the image accepts less than the network. */
  readonly maxEvalBytes?: number;
  /** Set if its Lua is Luerl, that of the device lua@5.3a; true if programs also have what the fleet's own module adds to it. */
  readonly luerl?: { readonly isFleets: boolean };
}

const EVERY: ReadonlySet<string> = new Set(IN_EVERY_IMAGE);
const ANY: ReadonlySet<string> = new Set([
  ...IN_EVERY_IMAGE,
  ...AOS_IMAGES.flatMap(({ modules }) => modules),
]);

/** If no image is named: whatever any aos image contains. */
export const ANY_IMAGE: ImageModules = { name: "aos", carries: (module) => ANY.has(module) };

/**
 * The modules of an image.
 *
 * @param image an id, or the name of an image; `aos` is the default one. For an unknown id, only the modules of every aos image
 * are known to exist.
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
 * The modules of a custom image: the names in its bytes, as its loader compares them.
 *
 * @param name its name in errors
 */
export function wasmModules(name: string, wasm: Buffer): ImageModules {
  // Lua's own libraries are in every image; linkers store short names like `os` as the tail of a longer one.
  const standard = (module: string) => EVERY.has(module) && isPlainAosModule(module);
  return { name, carries: (module) => standard(module) || holdsName(wasm, module) };
}

/** True if the bytes contain the name as a C string, as an image's loader compares it, or its `init` for a package. */
function holdsName(wasm: Buffer, name: string): boolean {
  const ends = Buffer.from(`${name}\0`);
  for (let at = wasm.indexOf(ends); at !== -1; at = wasm.indexOf(ends, at + 1)) {
    const before = wasm[at - 1];
    if (before === undefined || !/[\w.@/-]/.test(String.fromCharCode(before))) return true;
  }
  return !name.endsWith(".init") && wasm.includes(`${name}.init\0`);
}

/** The names of the images that contain a module. */
export const imagesWith = (module: string): string[] =>
  EVERY.has(module)
    ? []
    : AOS_IMAGES.filter(({ modules }) => modules.includes(module)).map(({ name }) => name);

/** True for an aos module whose name a project's file may use: `json`, `ao`, `string`, … */
export function isPlainAosModule(name: string): boolean {
  return !name.startsWith(".") && ANY.has(name);
}

/** True for an aos module whose name starts with a dot: never a project's file; only an alias overrides it. */
export function isDottedAosModule(name: string): boolean {
  return name.startsWith(".") && ANY.has(name);
}

/** Globals that a new aos process has: not the program's own state. */
export const AOS_GLOBALS: ReadonlySet<string> = new Set(IMAGE_GLOBALS);
