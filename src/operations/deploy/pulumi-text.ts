/**
 * Parses pulumi's text where neither its Automation API nor its events have a field for the information. The only place that does. Pure.
 */

/** Who holds a stack's lock, from `…: created by ann@laptop (pid 4711) at 2026-…`. */
export function lockHolders(text: string): string[] {
  return [...text.matchAll(/created by (\S+ \(pid \d+\) at \S+)/g)].map((match) => match[1] ?? "");
}

/**
 * gRPC's messages when the process at the other end of a call is gone. Pulumi passes on only this text, neither the status nor the exit of
 * the process.
 */
const CONNECTION_LOST =
  /^(error reading from server: |transport is closing$|connection error: desc = |the client connection is closing$)/;

/** Whether the provider's process is gone. */
export const isConnectionLost = (text: string): boolean => CONNECTION_LOST.test(text);

/** Whether pulumi failed only because the backend has no stack of that name, as before the first `up`. */
export const isNoStack = (text: string): boolean => /\bno stack named .* found/.test(text);

/** The errors in pulumi's output, or its last lines, for a run whose engine reported no diagnostic. */
export function lastOutput(text: string): string {
  const lines = text.trim().split("\n");
  const errors = lines.filter((line) => /^\s*error:/.test(line));
  return (errors.length > 0 ? errors : lines.slice(-5)).join("\n");
}

/**
 * The text of a diagnostic without pulumi's count of errors. Undefined for the engine's own summary ("update failed", "canceled"), which
 * adds nothing to the errors that it sums up.
 */
export function diagnosisIn(message: string): string | undefined {
  const text = message.replace(/^\d+ errors? occurred:\s*\* /, "").trim();
  return text === "" || /^(update|preview) (failed|cancell?ed)$/.test(text) ? undefined : text;
}
