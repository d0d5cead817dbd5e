import { homedir } from "node:os";
import { join } from "node:path";

/** The cache of this machine's user for files that are downloaded once. `$XDG_CACHE_HOME/ao-fleet`, or `~/.cache/ao-fleet`. */
export function cacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "ao-fleet");
}
