/** Ends of a command that are no error, and its one document with --json. */
import { EXIT, type ExitCode } from "./exit.ts";
import type { Output } from "./output.ts";

/** A person answered no. */
export function declined(out: Output, stack: string): ExitCode {
  out.note("Nothing was changed.");
  out.document({ success: true, stack, declined: true });
  return EXIT.ok;
}

/** Another run holds the stack; by whom was said where it was found. */
export function lockedOut(out: Output): ExitCode {
  out.document({ success: false, error: { code: "STACK_LOCKED" } });
  return EXIT.locked;
}
