import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isOpenIntent } from "../../ao/journal/index.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetAction } from "../../core/fleet-actions.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { journals } from "../audit/collect.ts";
import { findRecords } from "../trace/records.ts";

/** A file of the support bundle: its name, and its content before redaction. */
export interface BundleFile {
  readonly name: string;
  readonly text: string;
}

/** The most bytes of a file; of a longer one, its end. */
const MAX_BYTES = 512 * 1024;
const FILES = /^(Pulumi(\.[\w-]+)?\.yaml|package\.json|index\.ts|validation\.yaml)$/;
const REPORTS = /^(deployment-manifest(\.[\w.-]+)?\.json|validation-report\.(json|xml)|rollback-.*\.json)$/;
const LOGS = /(\.txt|\.log|\.jsonl)$/;

/** The project's own files, reports and logs of this machine. */
export async function filesOf(projectDir: string): Promise<BundleFile[]> {
  const parts: BundleFile[] = [];
  const add = async (folder: string, to: string, names: RegExp) => {
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      if (!names.test(name)) continue;
      const bytes = await readFile(join(folder, name)).catch(() => undefined);
      if (bytes) parts.push({ name: join(to, name), text: bytes.subarray(-MAX_BYTES).toString("utf8") });
    }
  };
  await add(projectDir, "project", FILES);
  await add(join(projectDir, "build"), "build", REPORTS);
  await add(join(projectDir, "build", "logs"), "logs", LOGS);
  return parts;
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

/** What a process reports about itself, and its newest messages with truncated data. Failed reads become `failed` entries. */
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
    return records.map((record) => ({ ...record, data: record.data.slice(0, 300) }));
  });
  return { name: join("processes", `${member.name}.json`), text: JSON.stringify(said, null, 2) };
}
