/** A sign of life every few seconds for work that says nothing itself. Plain lines: they read well in a CI log too. */

export type Log = (line: string) => void;

/** Writes to stderr, so that stdout stays free for what a command answers. */
export const toStderr: Log = (line) => void process.stderr.write(`${line}\n`);

/**
 * Runs `task` and logs `describe(seconds)` every `everyMs` (default 5,000) until it ends.
 * The task's own result or error is passed on.
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
