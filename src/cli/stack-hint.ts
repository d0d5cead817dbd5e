import type { Problem } from "../core/errors.ts";

/** What a suggested command needs to act on the stack that this call named: ` --stack prod`; empty if none was named. */
export const onStackOf = (named: string | undefined): string =>
  named === undefined ? "" : ` --stack ${named}`;

/** The start of a command that acts on a stack. */
const COMMAND = /npx fleet [a-z]|pulumi (?:cancel|config|destroy|preview|refresh|state|up)\b/;
const EACH_COMMAND = new RegExp(`(?=${COMMAND.source})`);

/**
 * A line after problems whose remedies contain commands without `--stack`: those act on the selected stack, which is another one if the call
 * named one. Pure.
 */
export const stackHint = (onStack: string, problems: readonly Problem[]): string[] =>
  onStack !== "" && problems.some(({ remedy }) => namesNoStack(remedy))
    ? [`The commands above without --stack act on this stack with${onStack}.`]
    : [];

const namesNoStack = (remedy: string): boolean =>
  remedy.split(EACH_COMMAND).some((part) => COMMAND.test(part) && !part.includes("--stack"));
