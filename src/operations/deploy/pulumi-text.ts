/**
 * What pulumi says in words alone: neither its Automation API nor its stream of events has a field for any of this. The one place that
 * reads them. Pure.
 */

/** Who holds a stack: `…: created by ann@laptop (pid 4711) at 2026-…`. */
export function lockHolders(text: string): string[] {
  return [...text.matchAll(/created by (\S+ \(pid \d+\) at \S+)/g)].map((match) => match[1] ?? "");
}

/**
 * What gRPC says to pulumi when the process at the other end of a call is gone. Pulumi hands on these words only, neither the status nor
 * the process' exit.
 */
const CONNECTION_LOST =
  /^(error reading from server: |transport is closing$|connection error: desc = |the client connection is closing$)/;

/** Whether the provider's process is gone. */
export const saysConnectionLost = (text: string): boolean => CONNECTION_LOST.test(text);

/** Pulumi's last words where its engine gave no diagnosis: its errors, or else the end of what it printed. */
export function lastWords(text: string): string {
  const lines = text.trim().split("\n");
  const errors = lines.filter((line) => /^\s*error:/.test(line));
  return (errors.length > 0 ? errors : lines.slice(-5)).join("\n");
}

/**
 * What a diagnostic says, without the number of errors that pulumi puts before them; undefined where that is only how the run ended
 * ("update failed", "canceled"), which says nothing beside the errors that it sums up.
 */
export function diagnosisIn(message: string): string | undefined {
  const text = message.replace(/^\d+ errors? occurred:\s*\* /, "").trim();
  return text === "" || /^(update|preview) (failed|cancell?ed)$/.test(text) ? undefined : text;
}
