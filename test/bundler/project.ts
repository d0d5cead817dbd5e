import { type Bundle, type BundleOptions, bundle } from "../../src/bundler/index.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";

/** A folder with these files, removed after the tests. */
export function project(files: Readonly<Record<string, string | Buffer>>): string {
  const root = temporaryFolder("bundler");
  writeFiles(files, root);
  return root;
}

/** Bundles `main.lua` of these files. */
export function bundled(
  files: Readonly<Record<string, string | Buffer>>,
  options: Partial<BundleOptions> = {},
): Promise<Bundle> {
  return bundle({ name: "test", entry: "main.lua", root: project(files), ...options });
}
