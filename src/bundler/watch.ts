import { type FSWatcher, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FleetError } from "../core/errors.ts";
import { bundle } from "./bundle.ts";
import type { Bundle, BundleOptions } from "./types.ts";

/** Told of every outcome that differs from the one before. */
export interface WatchReport {
  made(bundle: Bundle): void | Promise<void>;
  failed(error: FleetError): void;
}

/** Milliseconds in which the steps of one save are taken together. */
const SETTLE = 30;

/** Bundles, and bundles again whenever a Lua file beside one of the bundle's files changes, until the signal ends it. */
export async function watchBundle(
  options: BundleOptions,
  report: WatchReport,
  signal: AbortSignal,
): Promise<void> {
  const watchers = new Map<string, FSWatcher>();
  let dirty = false;
  let wake = (): void => {};
  let last = "";
  const touch = (file: string | null): void => {
    if (file !== null && !file.endsWith(".lua")) return;
    dirty = true;
    wake();
  };
  /** Gives the folders to look at. */
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
      // What changed before a folder was watched is seen by looking once more.
      if (added) continue;
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

function tryWatch(folder: string, touch: (file: string | null) => void): FSWatcher | undefined {
  try {
    return watch(folder, (_event, file) => touch(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
