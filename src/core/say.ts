import { printable } from "./printable.ts";

/**
 * Prints a line in the output of `pulumi up` or of a program of the package, as one line that a terminal only shows. Everything outside of
 * `src/cli` that prints does it here: a line may contain what a process wrote.
 */
export const say = (line: string): void => console.log(printable(line));

/** The same on stderr. */
export const warn = (line: string): void => console.warn(printable(line));
