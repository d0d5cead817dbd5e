import { amount } from "../../core/amount.ts";
import { printable } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import type { Alert, Change } from "../alert-book.ts";
import type { Level } from "../types.ts";

/** The origin of the alerts. */
export interface Origin {
  readonly project: string;
  readonly stack: string;
  readonly network: string;
}

/** An HTTP request to a receiver. */
export interface Post {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Maximum number of alerts in one message. */
const MAX_LINES = 15;

const MARK: Readonly<Record<Level, string>> = { INFO: "ℹ️", WARNING: "⚠️", ERROR: "❗", CRITICAL: "🚨" };

/** One line about a change, for people. Its message may contain what a process wrote: it stays one line, and is only shown. */
export function lineOf({ kind, alert }: Change): string {
  const how = kind === "resolved" ? "resolved" : kind === "escalated" ? `now ${alert.level}` : alert.level;
  return plainText(`[${how}] ${alert.type} ${alert.source}: ${alert.message} (${alert.alertId})`);
}

/** Text for people: one line without control characters and without secrets. Blanks cannot fill a row, so that what follows looks like another alert. */
export const plainText = (text: string): string => printable(redactText(text)).replace(/\p{Zs}{2,}/gu, " ");

/** The title for all changes of one round: an offline fleet is one message, not one per process. */
export function titleOf(changes: readonly Change[], { project, stack }: Origin): string {
  const bad = changes.filter(({ kind }) => kind !== "resolved").map(({ alert }) => alert);
  const over = changes.length - bad.length;
  const where = `${project}/${stack}`;
  if (bad.length === 0) return `${where}: ${amount(over, "alert")} resolved`;
  const worst = worstOf(bad);
  const types = [...new Set(bad.map(({ type }) => type))].join(", ");
  return `${where}: ${worst} ${types}${bad.length > 1 ? ` (${amount(bad.length, "alert")})` : ""}`;
}

/** The lines under the title; the rest is only counted. */
export function linesOf(changes: readonly Change[]): string[] {
  const lines = changes.slice(0, MAX_LINES).map(lineOf);
  return changes.length > MAX_LINES ? [...lines, `… and ${changes.length - MAX_LINES} more`] : lines;
}

export function markOf(changes: readonly Change[]): string {
  const bad = changes.filter(({ kind }) => kind !== "resolved").map(({ alert }) => alert);
  return bad.length === 0 ? "✅" : MARK[worstOf(bad)];
}

const ORDER: readonly Level[] = ["INFO", "WARNING", "ERROR", "CRITICAL"];

export const worstOf = (alerts: readonly Alert[]): Level =>
  ORDER[Math.max(0, ...alerts.map(({ level }) => ORDER.indexOf(level)))] ?? "INFO";
