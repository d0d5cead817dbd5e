import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isOpenIntent } from "../../ao/journal/index.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetAction } from "../../core/fleet-actions.ts";
import { exactJsonIn } from "../../core/json.ts";
import { printableJson } from "../../core/printable.ts";
import { startOf } from "../../core/unicode.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { journals } from "../audit/collect.ts";
import { findRecords } from "../trace/records.ts";

/** A file of the support bundle: its name, and its content before it is redacted and cut. */
export interface BundleFile {
  readonly name: string;
  readonly text: string;
}

/** The most bytes of a file that are read; of a longer one, its end. */
const READ_BYTES = 16 * 1024 * 1024;
/** The most characters of a file in the archive, and of the data of a message. */
const MOST = 512 * 1024;
const MOST_DATA = 300;
const FILES = /^(Pulumi(\.[\w-]+)?\.yaml|package\.json|index\.ts|validation\.yaml)$/;
const REPORTS = /^(deployment-manifest(\.[\w.-]+)?\.json|validation-report\.(json|xml)|rollback-.*\.json)$/;
const LOGS = /(\.txt|\.log|\.jsonl)$/;

/** The project's own files, reports and logs of this machine. */
export async function filesOf(projectDir: string): Promise<BundleFile[]> {
  const parts: BundleFile[] = [];
  const add = async (folder: string, to: string, names: RegExp) => {
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      if (!names.test(name)) continue;
      const text = await endOf(join(folder, name)).catch(() => undefined);
      if (text !== undefined) parts.push({ name: join(to, name), text });
    }
  };
  await add(projectDir, "project", FILES);
  await add(join(projectDir, "build"), "build", REPORTS);
  await add(join(projectDir, "build", "logs"), "logs", LOGS);
  return parts;
}

/** A regular file, or the whole lines at the end of a long one. A link to another file is not followed. */
async function endOf(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("not a file");
    const start = Math.max(0, stats.size - READ_BYTES);
    const bytes = Buffer.alloc(stats.size - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    const text = bytes.subarray(0, bytesRead).toString("utf8");
    return start === 0 ? text : wholeLines(text);
  } finally {
    await file.close();
  }
}

/** The end of a PEM block, whose beginning may be in the part that was not read. */
const PEM_END = /-----END [A-Z ]+-----/;

/** The end of a file without what the cut left of a line, or of a key: its other lines do not look like one. Pure. */
function wholeLines(text: string): string {
  const lines = text.includes("\n") ? text.slice(text.indexOf("\n") + 1) : "";
  const end = PEM_END.exec(lines);
  if (end === null || lines.slice(0, end.index).includes("-----BEGIN ")) return lines;
  return lines.slice(end.index + end[0].length);
}

/**
 * Cuts what was redacted: of a long file its end, from the start of a line; of the data of messages the beginning. Never cut before: a part of
 * a secret is not recognized. Pure.
 */
export function cutFile(name: string, text: string): string {
  const shorter = name.startsWith("processes") ? withCutData(text) : text;
  if (shorter.length <= MOST) return shorter;
  const end = shorter.slice(-MOST);
  return end.slice(end.indexOf("\n") + 1);
}

function withCutData(text: string): string {
  const said = exactJsonIn(text) as { messages?: { data?: unknown }[] } | undefined;
  if (!Array.isArray(said?.messages)) return text;
  const messages = said.messages.map((message) =>
    typeof message.data === "string" ? { ...message, data: startOf(message.data, MOST_DATA) } : message,
  );
  return `${printableJson(JSON.stringify({ ...said, messages }, null, 2))}\n`;
}

/** What this machine signed, without the signed bytes. */
export async function journalOf(fleet: FleetSession): Promise<BundleFile> {
  const intents = await journals(fleet.session.scope);
  const open = intents.filter(isOpenIntent);
  const states: Record<string, number> = {};
  for (const { state } of intents) states[state] = (states[state] ?? 0) + 1;
  const plain = { states, open, newest: intents.slice(-200) };
  return { name: "journal.json", text: JSON.stringify(plain, null, 2) };
}

/** What a process reports about itself. */
const READS: readonly FleetAction[] = [
  "Info",
  "HEALTH_CHECK",
  "GET_STATISTICS",
  "GET_CONFIG",
  "AUDIT",
  "LOGS",
];
const Anything = z.looseObject({});

/** What a process reports about itself, and its newest messages. Failed reads become `failed` entries. */
export async function processOf(
  fleet: FleetSession,
  history: History,
  member: Member,
  { seconds, messages }: { readonly seconds: number; readonly messages: number },
): Promise<BundleFile> {
  const said: Record<string, unknown> = { ...member };
  const tried = async (name: string, read: () => Promise<unknown>) => {
    try {
      said[name] = await read();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      said[name] = { failed: error.problems };
    }
  };
  for (const action of runsWithoutLibrary(member) ? [] : READS)
    await tried(action, () =>
      ask(fleet.session, { ...member, action }, Anything, fleet.session.budget(seconds)),
    );
  await tried("messages", async () => {
    const bounds = { limit: messages * 4, reach: messages };
    const { records } = await findRecords(history, member.processId, {}, bounds);
    return records;
  });
  return { name: join("processes", `${member.name}.json`), text: JSON.stringify(said, null, 2) };
}
