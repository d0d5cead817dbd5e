import { type FSWatcher, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FleetError } from "../core/errors.ts";
import { unlessMissing } from "../core/missing.ts";
import { bundle } from "./bundle.ts";
import type { Bundle, BundleOptions } from "./types.ts";

/** Receives every outcome that differs from the previous one. */
interface WatchReport {
  made(bundle: Bundle): void | Promise<void>;
  failed(error: FleetError): void;
}

/** Milliseconds in which the events of one save are combined. */
const SETTLE = 30;

/** Bundles, and bundles again whenever a Lua file in one of the bundle's folders changes, until the signal is aborted. */
export function watchBundle(options: BundleOptions, report: WatchReport, signal: AbortSignal): Promise<void> {
  let last = "";
  const attempt = async (): Promise<string[]> => {
    try {
      const made = await bundle(options);
      if (made.hash !== last) await report.made(made);
      last = made.hash;
      return made.modules.map(({ file }) => dirname(resolve(options.root, file)));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      if (error.message !== last) report.failed(error);
      last = error.message;
      return [resolve(options.root), dirname(resolve(options.root, options.entry))];
    }
  };
  return watchFolders(attempt, { counts: (file) => file.endsWith(".lua"), again: true }, signal);
}

interface WatchOptions {
  /** Whether a change of a file counts, by its name. */
  readonly counts: (file: string) => boolean;
  /**
   * Whether to attempt again as soon as a folder is watched, which covers changes that were made before. Only for an attempt that reports nothing
   * if nothing changed. @default false
   */
  readonly again?: boolean;
}

/**
 * Attempts, and attempts again whenever a file in one of the folders changes, until the signal is aborted.
 *
 * @param attempt returns the folders to watch; folders of earlier attempts stay watched
 */
export async function watchFolders(
  attempt: () => Promise<readonly string[]>,
  { counts, again = false }: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const watchers = new Map<string, FSWatcher>();
  let dirty = false;
  let wake = (): void => {};
  const touch = (file: string | null): void => {
    if (file !== null && !counts(file)) return;
    dirty = true;
    wake();
  };
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);
  try {
    while (!signal.aborted) {
      dirty = false;
      let added = false;
      for (const folder of await attempt()) {
        if (watchers.has(folder)) continue;
        const watcher = tryWatch(folder, touch);
        if (!watcher) continue;
        watchers.set(folder, watcher);
        added = true;
      }
      if (added && again) continue;
      if (!dirty && !signal.aborted) {
        await new Promise<void>((done) => {
          wake = done;
        });
      }
      await delay(SETTLE);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const watcher of watchers.values()) watcher.close();
  }
}

const tryWatch = (folder: string, touch: (file: string | null) => void): FSWatcher | undefined =>
  unlessMissing(() => watch(folder, (_event, file) => touch(file)), undefined);
