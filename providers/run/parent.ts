import { ancestorNamed, bornOf, isAlive, parentOf } from "../../src/core/processes.ts";

/** Milliseconds between two looks at who started this process. */
const INTERVAL = 500;

let watching = false;

/**
 * Ends a provider soon after the pulumi command that started it: when that one was killed, its provider must not go on
 * deploying beside the next one. What it signed is in the journal, so nothing is lost. Pulumi starts it through a shell that
 * outlives the command, so the engine is looked for among all its ancestors. Does nothing in any other program.
 */
export function endWithParent(): void {
  if (watching || !process.argv[1]?.includes("dynamic-provider")) return;
  watching = true;
  const isOrphaned = orphanCheck(process.pid);
  setInterval(() => {
    // By `exit`, so that the lock of the journal is released on the way.
    if (isOrphaned()) process.exit(1);
  }, INTERVAL).unref();
}

/** Whether the engine that started a process is gone. One that is no `pulumi` by its name is known by the chain of parents. */
function orphanCheck(pid: number): () => boolean {
  const engine = ancestorNamed(pid, "pulumi");
  if (engine !== undefined) {
    const born = bornOf(engine);
    return () => !isAlive(engine) || bornOf(engine) !== born;
  }
  const chain = () => {
    const parent = parentOf(pid);
    return `${parent} ${parent === undefined ? undefined : parentOf(parent)}`;
  };
  const started = chain();
  return () => chain() !== started;
}
