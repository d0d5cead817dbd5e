import { randomUUID } from "node:crypto";
import { renameSync, unlinkSync, writeFileSync } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";

interface ReplaceOptions {
  /** Permissions, before the umask. @default 0o600 */
  readonly mode?: number;
  /** Called right before the rename; if it throws, nothing is replaced. @default none */
  readonly mayReplace?: () => void;
}

/**
 * Replaces or creates a file: even after a crash, a reader sees either the old or the new content. The content goes to a draft next to
 * the file, which is flushed and renamed; then the folder is flushed.
 *
 * A package that does this (write-file-atomic) handles signals, `SIGXFSZ` among them: beyond a limit of file sizes the program would then
 * end silently instead of reporting `EFBIG`.
 *
 * @throws the file system's error, for example `ENOSPC`; no draft is left
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, mayReplace }: ReplaceOptions = {},
): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
    await file.close();
    mayReplace?.();
    await rename(draft, path);
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(draft).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * The same in one step of the program and without flushing: after a crash of the machine, the file may be empty. For what can be made again,
 * and for an update that no other task may come between.
 *
 * @throws as `replaceFile` does
 */
export function replaceFileSync(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, content);
    renameSync(draft, path);
  } catch (error) {
    try {
      unlinkSync(draft);
    } catch {
      // There is none if it could not be created.
    }
    throw error;
  }
}

/** Flushes a folder: a new file name is on disk only then. Windows cannot open folders and does not need this. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
