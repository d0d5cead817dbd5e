/** Messages as lines of text. Pure. */
import type { Scheduled } from "../../ao/port.ts";
import { isAddress } from "../../core/address.ts";
import { brief } from "../../core/brief.ts";
import { printableLines, quoted } from "../../core/printable.ts";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { KnownFleet } from "../../fleet/members/member.ts";
import { isErrorMessage, type LogEntry } from "./log-entries.ts";
import type { MessageRecord } from "./records.ts";
import type { Hop } from "./trace.ts";

/** The sender of a message in text: who it is, who it claims to be without proof, and that it was sent to another process. Pure. */
function senderText(
  { from, claims, sentTo }: Pick<Scheduled, "from" | "claims" | "sentTo">,
  nameOf: (address: string) => string,
): string {
  const claim = claims === undefined ? "" : `, which claims to be ${nameOf(claims)}`;
  const assigned =
    sentTo === undefined ? "" : `, assigned: was sent to ${nameOf(sentTo)}, not to this process`;
  return `${nameOf(from)}${claim}${assigned}`;
}

/** A message as one line. Pure. */
export function recordLine(record: MessageRecord, fleet: KnownFleet, width = 120): string {
  const nameOf = (id: string) =>
    servingIn(fleet).find(({ processId }) => processId === id)?.name ?? id.slice(0, 8);
  const { direction, slot, at, to, status, data, error } = record;
  const route = direction === "received" ? `← ${senderText(record, nameOf)}` : `→ ${nameOf(to)}`;
  const action = record.action === "" ? "" : quoted(record.action);
  const again = record.repeats === undefined ? "" : ` (again: slot ${record.repeats})`;
  const what = `${action}${again}${status === "error" ? " (error)" : ""}`;
  return `${at.slice(0, 19)}  slot ${slot}  ${route}  ${what}  ${brief(error ?? data, width)}`.trimEnd();
}

/** A hop as lines of text, indented by its depth. Pure. */
export function hopLines(hop: Hop, error: string | undefined): string[] {
  const inset = "  ".repeat(hop.depth);
  const mark =
    hop.status === "error" ? " (error)" : hop.status === "none" ? " (no result could be read)" : "";
  const short = (name: string) => (isAddress(name) ? name.slice(0, 8) : name);
  const action = hop.action === "" ? "" : quoted(hop.action);
  const again = hop.repeats === undefined ? "" : ` (again: slot ${hop.repeats})`;
  const head = `${`+${hop.afterMs} ms`.padStart(10)}  ${inset}${hop.process} slot ${hop.slot}${again}  ${action} from ${senderText(hop, short)}${mark}`;
  const sent = hop.sent.map(({ action, to }) => {
    return `${" ".repeat(12)}${inset}  → ${action === "" ? "" : quoted(action)} to ${short(to)}`;
  });
  const under = (text: string) => printableLines(text).map((line) => `${" ".repeat(12)}${inset}  ${line}`);
  return [head, ...(error === undefined ? [] : under(error)), ...sent];
}

/** A headline, then the result, indented. */
export function entryLines(
  entry: LogEntry,
  { members }: Pick<KnownFleet, "members">,
  explained: string | undefined,
  full: boolean,
): string[] {
  const width = full ? Number.MAX_SAFE_INTEGER : 160;
  const nameOf = (id: string) => members.find(({ processId }) => processId === id)?.name ?? brief(id, 12);
  const text = (value: string) => (full ? value : brief(value, width));
  const time = entry.timestamp > 0 ? new Date(entry.timestamp).toISOString() : "";
  const lines = [
    `#${entry.slot} ${time} ${entry.action === "" ? "(no action)" : quoted(entry.action)} from ${senderText(entry, nameOf)}  ${entry.messageId}`,
  ];
  if (entry.isLoad) lines.push(`    code   ${entry.source ?? ""}`);
  else if (entry.data.trim() !== "" && entry.data !== "{}") lines.push(...indented("data", text(entry.data)));
  const { result, repeats, notComputed } = entry;
  if (repeats !== undefined) lines.push(`    again  the same bytes as #${repeats}`);
  if (notComputed !== undefined) return [...lines, `    not computed [${notComputed}]`];
  if (!result) return [...lines, "    no result could be read"];
  const error = luaErrorIn(result);
  if (repeats !== undefined && error === undefined && result.output === "" && result.messages.length === 0)
    lines.push("    result empty: it printed and sent nothing");
  if (error !== undefined) lines.push(...indented("error", explained ?? error));
  if (result.output !== "" && result.output !== error) lines.push(...indented("output", text(result.output)));
  for (const { target, tags, data } of result.messages) {
    const what = [quoted(tags.Action ?? "message"), isErrorMessage({ tags }) ? "(error)" : ""]
      .filter(Boolean)
      .join(" ");
    lines.push(...indented("sent", `${what} to ${nameOf(target)}${data === "" ? "" : `  ${text(data)}`}`));
  }
  return lines;
}

function indented(label: string, text: string): string[] {
  return printableLines(text).map((line, index) => `    ${(index === 0 ? label : "").padEnd(6)} ${line}`);
}
