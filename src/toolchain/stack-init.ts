import { type RunOptions, type RunResult, run } from "./run.ts";

/**
 * Makes a stack, or finds that it is there already, as after another command that made it at the same time.
 *
 * @param pulumi the command
 * @param flags more of `pulumi stack init`
 * @returns code 0 where the stack is there
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

/** Pulumi says of a stack that is there in words alone: it has no exit code for it. */
const isThere = ({ output }: RunResult): boolean => /already exists/.test(output);
