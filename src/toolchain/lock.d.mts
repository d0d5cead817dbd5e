/** Runs `task` while no other process runs one with the same folder; see lock.mjs. */
export function withLock<T>(
  folder: string,
  task: () => Promise<T> | T,
  options?: {
    /** Called at each look while another process has the lock. */
    onWait?: (pid: number | undefined, waitedMs: number) => void;
    /** Milliseconds between two looks. Default 250. */
    pollMs?: number;
  },
): Promise<T>;
