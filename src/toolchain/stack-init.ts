import { type RunOptions, type RunResult, run } from "./run.ts";

/**
 * Creates a stack. A stack that exists already is no failure: another command may create it at the same time.
 *
 * @param pulumi the pulumi command
 * @param flags additional flags of `pulumi stack init`
 * @returns code 0 if the stack exists
 */
export async function initStack(
  pulumi: string,
  name: string,
  options: RunOptions,
  flags: readonly string[] = [],
): Promise<RunResult> {
  const made = await run(pulumi, ["stack", "init", name, ...flags, "--non-interactive"], options);
  return isThere(made) ? { ...made, code: 0 } : made;
}

/** Pulumi reports an existing stack only in its text: there is no exit code for it. */
const isThere = ({ output }: RunResult): boolean => /already exists/.test(output);
