import type { Problem } from "../core/errors.ts";
import { Interrupted } from "../core/interrupted.ts";
import type { Interrupts } from "./context.ts";

/** What ends a command whose work is not finished by repeating it; SIGHUP is what a terminal sends that closes. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs work that the first signal abandons. The same signal again ends the process at once.
 *
 * @param work gets a function that throws once it was abandoned: to be called before each effect
 * @param outcome what the abandoned work leaves behind
 * @throws Interrupted
 */
export async function interruptible<T>(
  { interrupts }: { readonly interrupts: Interrupts },
  work: (assertWanted: () => void) => Promise<T>,
  outcome: () => Problem,
): Promise<T> {
  let ended: Interrupted | undefined;
  let release = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    release = interrupts(() => {
      ended ??= new Interrupted(outcome());
      release();
      reject(ended);
    }, SIGNALS);
  });
  const assertWanted = () => {
    if (ended !== undefined) throw ended;
  };
  try {
    return await Promise.race([work(assertWanted), interrupted]);
  } finally {
    release();
  }
}
