import { ancestorNamed, isAlive, parentOf, startTicksOf } from "../../src/core/processes.ts";

/** Milliseconds between two checks of the engine. */
const INTERVAL = 500;

let watching = false;

/**
 * Exits a provider soon after the pulumi command that started it has ended: the provider of a killed command must not keep deploying
 * while the next one runs. What it signed is in the journal, so nothing is lost. Pulumi starts a provider through a shell that outlives the
 * command, so the engine is searched among all ancestors. Does nothing in any other program.
 */
export function exitWithEngine(): void {
  if (watching || !process.argv[1]?.includes("dynamic-provider")) return;
  watching = true;
  const isOrphaned = orphanCheck(process.pid);
  setInterval(() => {
    // `exit` runs the handlers that release the journal's lock.
    if (isOrphaned()) process.exit(1);
  }, INTERVAL).unref();
}

/**
 * Returns a check of whether the engine that started a process is gone. An engine not named `pulumi` is recognised by the chain of
 * parents.
 */
function orphanCheck(pid: number): () => boolean {
  const engine = ancestorNamed(pid, "pulumi");
  if (engine !== undefined) {
    const startTicks = startTicksOf(engine);
    return () => !isAlive(engine) || startTicksOf(engine) !== startTicks;
  }
  const chain = () => {
    const parent = parentOf(pid);
    return `${parent} ${parent === undefined ? undefined : parentOf(parent)}`;
  };
  const started = chain();
  return () => chain() !== started;
}
