import { Interrupted } from "../core/interrupted.ts";
import { UsageError } from "../core/usage-error.ts";
import { Unanswered } from "./unanswered.ts";

/** Exit codes of `fleet`. They are part of its interface: scripts branch on them. */
export const EXIT = {
  /** Success. */
  ok: 0,
  /** Failed for a reason that a person can fix; also if a process is not healthy, or a reply has `success: false`. */
  failed: 1,
  /** Invalid command line. Nothing was done. */
  usage: 2,
  /** The preview shows changes although `--expect-no-changes` was given. Nothing was done. */
  changes: 3,
  /** The rollout is on hold, paused, or at a gate. The same command, or `fleet promote`, continues it. */
  held: 4,
  /** Another run is deploying this stack. Nothing was done. */
  locked: 5,
  /** The run reached its time limit. */
  timeout: 124,
  /** Stopped by Ctrl-C or SIGTERM after the running steps finished (`call`: at once), or by Ctrl-C or Ctrl-D at a question. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meaning of each code, for help and docs. */
export const EXIT_MEANING: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, "success"],
  [EXIT.failed, "failed for a reason that you can fix, or a process is not healthy"],
  [EXIT.usage, "invalid command line; nothing was done"],
  [EXIT.changes, "--expect-no-changes was given and the preview shows changes; nothing was done"],
  [EXIT.held, "the rollout is on hold, paused or at a gate, and can continue"],
  [EXIT.locked, "another run is deploying this stack; nothing was done"],
  [EXIT.timeout, "the run reached its time limit"],
  [EXIT.interrupted, "stopped by Ctrl-C or SIGTERM; the same command continues (call: only with --continue)"],
];

/** The exit codes section of a command's help. */
export function exitCodesText(): string {
  const lines = EXIT_MEANING.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
  return ["Exit codes:", ...lines].join("\n");
}

/** The exit code of a thrown error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Unanswered || error instanceof Interrupted) return EXIT.interrupted;
  return EXIT.failed;
}
