/** Periodic progress lines for work without output of its own. Plain lines, which are also readable in a CI log. */

import { printable } from "../core/printable.ts";

export type Log = (line: string) => void;

/** Writes to stderr, so that stdout contains only a command's result. */
export const toStderr: Log = (line) =>
  void process.stderr.write(`${line.split("\n").map(printable).join("\n")}\n`);

/**
 * Runs `task` and logs `describe(seconds)` every `everyMs` (default 5,000) until it ends.
 * Returns or throws the task's result or error.
 */
export async function withProgress<T>(
  log: Log,
  describe: (seconds: number) => string,
  task: () => Promise<T>,
  everyMs = 5_000,
): Promise<T> {
  const since = process.hrtime.bigint();
  const timer = setInterval(() => log(describe(secondsSince(since))), everyMs);
  try {
    return await task();
  } finally {
    clearInterval(timer);
  }
}

/** Whole seconds since an `hrtime`. */
export function secondsSince(since: bigint): number {
  return Number((process.hrtime.bigint() - since) / 1_000_000_000n);
}
