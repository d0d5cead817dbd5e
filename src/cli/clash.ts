import { UsageError } from "../core/usage-error.ts";

/** The error for options that contradict each other. */
export const clash = (what: string, expected: string, remedy = "Remove one of them."): UsageError =>
  new UsageError({ code: "OPTIONS_CLASH", what, expected, remedy });
