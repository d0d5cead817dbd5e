const tasks = new Set<() => void>();

/** Every task runs, whatever the others do: the process ends in any case. */
function runAll(): void {
  for (const task of tasks) {
    try {
      task();
    } catch {
      // Nobody is left to handle it.
    }
  }
}

/**
 * Runs a task when this process exits. All tasks share one listener, so their number is not limited.
 *
 * @returns drops the task; call it as soon as there is nothing left to do at the exit
 */
export function atExit(task: () => void): () => void {
  const own = () => task();
  if (tasks.size === 0) process.once("exit", runAll);
  tasks.add(own);
  return () => {
    tasks.delete(own);
    if (tasks.size === 0) process.removeListener("exit", runAll);
  };
}
