import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { type Bundle, type BundleOptions, bundle } from "../../src/bundler/index.ts";

const made: string[] = [];

/** A folder with these files, removed after the tests. */
export function project(files: Readonly<Record<string, string | Buffer>>): string {
  const root = mkdtempSync(join(tmpdir(), "fleet-bundler-"));
  made.push(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

/** Bundles `main.lua` of these files. */
export function bundled(
  files: Readonly<Record<string, string | Buffer>>,
  options: Partial<BundleOptions> = {},
): Promise<Bundle> {
  return bundle({ name: "test", entry: "main.lua", root: project(files), ...options });
}

afterAll(() => {
  for (const root of made) rmSync(root, { recursive: true, force: true });
});
