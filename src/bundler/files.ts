import { readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";

/**
 * Reads the file system by listing each folder once. Names are case-sensitive, so a program that loads on a
 * case-insensitive file system also loads on others.
 */
export class Files {
  readonly #folders = new Map<string, Map<string, "file" | "folder">>();

  isFile(path: string): boolean {
    return this.#kind(path) === "file";
  }

  isFolder(path: string): boolean {
    return this.#kind(path) === "folder" || dirname(path) === path;
  }

  /** Names in a folder, sorted; empty if there is no such folder. */
  list(folder: string): [name: string, kind: "file" | "folder"][] {
    return [...this.#entries(folder)].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** A file below a folder whose path differs from this one in case only. */
  inOtherCase(path: string, folder: string): string | undefined {
    let at = folder;
    for (const part of relative(folder, path).split(sep)) {
      const names = this.#entries(at);
      const alike = [...names.keys()].find((each) => each.toLowerCase() === part.toLowerCase());
      const name = names.has(part) ? part : alike;
      if (name === undefined) return undefined;
      at = join(at, name);
    }
    return this.isFile(at) ? at : undefined;
  }

  #kind(path: string): "file" | "folder" | undefined {
    return this.#entries(dirname(path)).get(basename(path));
  }

  #entries(folder: string): Map<string, "file" | "folder"> {
    const known = this.#folders.get(folder);
    if (known) return known;
    const entries = new Map<string, "file" | "folder">();
    this.#folders.set(folder, entries);
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const kind = entry.isSymbolicLink() ? followed(join(folder, entry.name)) : entry;
        if (kind?.isFile()) entries.set(entry.name, "file");
        else if (kind?.isDirectory()) entries.set(entry.name, "folder");
      }
    } catch {
      // Missing, or not a folder: empty.
    }
    return entries;
  }
}

function followed(path: string) {
  try {
    const real = realpathSync(path);
    return readdirSync(dirname(real), { withFileTypes: true }).find((entry) => entry.name === basename(real));
  } catch {
    return undefined;
  }
}

/** One name per file, however it was reached. */
export function identityOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A folder of Lua modules outside any project, and its name in labels. */
export interface Library {
  /** Absolute. */
  readonly folder: string;
  readonly label: string;
}

/**
 * A file's name in the output: below the library's label for a file of the library, wherever that is installed; from
 * `node_modules/` on for packages; relative to the root, or, outside of it, to the folder that was searched. Never an absolute
 * path of this machine.
 */
export function labelOf(path: string, root: string, searched: string, library?: Library): string {
  if (library && path.startsWith(library.folder + sep)) {
    return `${library.label}/${posix(relative(library.folder, path))}`;
  }
  const inside = posix(relative(root, path));
  if (inside !== ".." && !inside.startsWith("../") && !/^[A-Za-z]:/.test(inside)) return inside;
  const absolute = posix(path);
  const packages = absolute.lastIndexOf("/node_modules/");
  if (packages !== -1) return absolute.slice(packages + 1);
  return posix(join(basename(searched), relative(searched, path)));
}

export function posix(path: string): string {
  return sep === "/" ? path : path.split(sep).join("/");
}
