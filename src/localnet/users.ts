/** The users of a folder's network: one file each in `<dir>/users`, so that the last user can stop it. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unlessMissing } from "../core/missing.ts";
import { replaceFileSync } from "../core/replace-file.ts";

const folderOf = (dir: string) => join(dir, "users");

/** Names can be long and contain any character: the file's name is a hash, its content the name. */
const fileOf = (dir: string, user: string) =>
  join(folderOf(dir), createHash("sha256").update(user).digest("hex").slice(0, 32));

/** Adds a user. Idempotent. */
export function addUser(dir: string, user: string): void {
  mkdirSync(folderOf(dir), { recursive: true });
  replaceFileSync(fileOf(dir, user), user);
}

export function removeUser(dir: string, user: string): void {
  rmSync(fileOf(dir, user), { force: true });
}

export const isUser = (dir: string, user: string): boolean => existsSync(fileOf(dir, user));

/** All users, sorted. */
export function usersOf(dir: string): string[] {
  // A file with a dot in its name is still being written.
  return unlessMissing(() => readdirSync(folderOf(dir)), [])
    .filter((file) => !file.includes("."))
    .flatMap((file) => textOf(join(folderOf(dir), file)))
    .sort();
}

/** Empty if the file was removed in the meantime. */
const textOf = (file: string): string[] => unlessMissing(() => [readFileSync(file, "utf8")], []);
