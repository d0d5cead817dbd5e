import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll } from "vitest";

const start = process.cwd();
const made: string[] = [];

afterAll(() => {
  process.chdir(start);
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed after the tests of the file. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `fleet-${name}-`));
  made.push(folder);
  return folder;
}

/** Makes such a folder the working directory until the end of the file's tests. */
export function enterFolder(name: string): void {
  process.chdir(temporaryFolder(name));
}

/** Writes files by their paths in a folder (default: the working directory), and the folders in these paths. */
export function writeFiles(files: Readonly<Record<string, string | Uint8Array>>, folder = "."): void {
  for (const [path, content] of Object.entries(files)) {
    const target = resolve(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
}
