import { UsageError } from "../core/usage-error.ts";

/** Exit codes of `fleet`. They are part of its interface: scripts branch on them. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Failed, for a reason that a person can mend; also: a process is not healthy, or a reply says `success: false`. */
  failed: 1,
  /** The command line is wrong. Nothing was done. */
  usage: 2,
  /** `--expect-no-changes`, and the preview shows some. Nothing was done. */
  changes: 3,
  /** The rollout waits: on hold, paused, or at a gate. The same command, or `fleet promote`, goes on. */
  held: 4,
  /** Somebody else deploys this stack now. Nothing was done. */
  locked: 5,
  /** The run was ended because its time was over. */
  timeout: 124,
  /** Ended by Ctrl-C or SIGTERM; what ran was let finish. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each code means, for help and docs. */
export const EXIT_MEANING: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.failed, "failed for a reason that you can mend, or a process is not healthy"],
  [EXIT.usage, "the command line is wrong; nothing was done"],
  [EXIT.changes, "--expect-no-changes, and the preview shows changes; nothing was done"],
  [EXIT.held, "the rollout is held, paused or at a gate; it can go on"],
  [EXIT.locked, "somebody else deploys this stack now; nothing was done"],
  [EXIT.timeout, "the run was ended because its time was over"],
  [EXIT.interrupted, "ended by Ctrl-C or SIGTERM; the same command goes on"],
];

/** The codes as help shows them. */
export function exitCodesText(): string {
  const lines = EXIT_MEANING.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
  return ["Exit codes:", ...lines].join("\n");
}

/** The exit code of a thrown error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  return EXIT.failed;
}
