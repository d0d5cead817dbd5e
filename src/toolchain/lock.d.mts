/** Runs `task` under an exclusive lock of the folder; see lock.mjs. */
export function withLock<T>(
  folder: string,
  task: () => Promise<T> | T,
  options?: {
        /** Called at each poll while another process holds the lock. */
    onWait?: (pid: number | undefined, waitedMs: number) => void;
        /** Milliseconds between two polls. Default 250. */
    pollMs?: number;
  },
): Promise<T>;
